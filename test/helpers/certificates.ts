import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** PEM texts, and the files they stand in. */
export interface Certificate {
  readonly cert: string
  readonly key: string
  readonly certFile: string
  readonly keyFile: string
}

/** An authority of the tests' own, made by openssl in a folder that `close` removes. */
export class Authority {
  readonly #folder = mkdtempSync(join(tmpdir(), 'tandem-ca-'))
  readonly #own: Certificate
  #made = 0

  constructor(name = 'Test Authority') {
    this.#own = this.#files('ca')
    const { keyFile, certFile } = this.#own
    openssl(['req', '-x509', '-subj', `/CN=${name}`, ...newKey(keyFile), '-out', certFile, '-days', '2'])
    Object.assign(this.#own, readPair(this.#own))
  }

  /** Its certificate: what those trust who trust it. */
  get cert(): string {
    return this.#own.cert
  }

  get file(): string {
    return this.#own.certFile
  }

  /** A certificate for these names, such as `DNS:sip.example.net` or `IP:127.0.0.1`. */
  issue(subjectAltName: string): Certificate {
    this.#made += 1
    const made = this.#files(`${this.#made}`)
    const request = join(this.#folder, `${this.#made}.csr`)
    const extension = join(this.#folder, `${this.#made}.ext`)
    writeFileSync(extension, `subjectAltName=${subjectAltName}\n`)
    openssl(['req', '-new', '-subj', '/CN=test', ...newKey(made.keyFile), '-out', request])
    const { certFile: ca, keyFile: caKey } = this.#own
    const signing = ['-CA', ca, '-CAkey', caKey, '-set_serial', `${this.#made}`, '-days', '2', '-extfile', extension]
    openssl(['x509', '-req', '-in', request, ...signing, '-out', made.certFile])
    return { ...made, ...readPair(made) }
  }

  close(): void {
    rmSync(this.#folder, { recursive: true })
  }

  #files(name: string): Certificate {
    const [certFile, keyFile] = [join(this.#folder, `${name}.crt`), join(this.#folder, `${name}.key`)]
    return { cert: '', key: '', certFile, keyFile }
  }
}

const newKey = (file: string): readonly string[] => [
  '-newkey',
  'ec',
  '-pkeyopt',
  'ec_paramgen_curve:prime256v1',
  '-nodes',
  '-keyout',
  file,
]

const readPair = ({ certFile, keyFile }: Certificate) => ({
  cert: readFileSync(certFile, 'utf8'),
  key: readFileSync(keyFile, 'utf8'),
})

function openssl(args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] })
}
