import { createHash } from 'node:crypto'

/** What a target does not hold against. */
export class Finding extends Error {
  readonly target: string
  /** Empty where more than one input took part. */
  readonly input: Buffer

  constructor(target: string, input: Buffer, what: string, cause?: unknown) {
    super(`${target}: ${what}`, { cause })
    this.name = 'Finding'
    this.target = target
    this.input = input
  }

  /** A short name for the input, the same each time. */
  get digest(): string {
    return createHash('sha256').update(this.input).digest('hex').slice(0, 12)
  }
}
