import { EmbeddedPostgres } from '../store/embedded-postgres.ts'

/** The one PostgreSQL of a demo's nodes, which can be stopped for a while. */
export class DemoPostgres {
  /** The same whenever it runs. */
  readonly url: string
  readonly #folder: string
  #server: EmbeddedPostgres | null

  private constructor(folder: string, server: EmbeddedPostgres) {
    this.#folder = folder
    this.#server = server
    this.url = server.url
  }

  /** Makes it in the folder, and resolves when it answers. */
  static async start(folder: string): Promise<DemoPostgres> {
    return new DemoPostgres(folder, await EmbeddedPostgres.start({ dataDir: folder }))
  }

  /** Resolves when it is gone; its data stay. */
  async stop(): Promise<void> {
    await this.#server?.stop()
    this.#server = null
  }

  /** Brings it back; nothing where it runs. */
  async resume(): Promise<void> {
    this.#server ??= await EmbeddedPostgres.start({ dataDir: this.#folder })
  }
}
