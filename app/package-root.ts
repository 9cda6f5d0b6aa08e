import { existsSync } from 'node:fs'

/** The folder with package.json, ending in a slash: the root of the checkout, from sources and from dist/ alike. */
export function packageRoot(): URL {
  let folder = new URL('.', import.meta.url)
  while (!existsSync(new URL('package.json', folder))) {
    const parent = new URL('..', folder)
    if (parent.href === folder.href) throw new Error('no package.json above the program')
    folder = parent
  }
  return folder
}
