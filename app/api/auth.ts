import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { ApiError } from './errors.ts'
import { type ApiKey, ROLES, type Role } from './options.ts'

export interface Principal {
  readonly name: string
  readonly role: Role
}

/** Wrong keys that an address may present at once, and how fast it is forgiven: one a second. */
export const MAX_FAILURES = 60
const FORGIVEN_PER_MS = 1 / 1_000
/** Addresses remembered; the one that failed longest ago is forgotten first. */
const MAX_ADDRESSES = 10_000
const MAX_TOKEN = 512

/**
 * Bearer keys (RFC 6750) and who they belong to. Keys are kept and compared as HMACs under a secret of this process, each
 * compared in constant time and all of them every time, so that an answer's time tells nothing.
 */
export class Keyring {
  private readonly secret = randomBytes(32)
  private readonly keys: readonly { readonly digest: Buffer; readonly principal: Principal }[]
  private readonly failures: FailureLimit

  constructor(keys: readonly ApiKey[], nowMs: () => number = () => performance.now()) {
    this.keys = keys.map(({ name, key, role }) => ({ digest: this.digest(key), principal: { name, role } }))
    this.failures = new FailureLimit(nowMs)
  }

  /** Who makes the request; throws an `ApiError` 401 or 429 where that is nobody, 403 where the role does not suffice. */
  authorize(request: Pick<FastifyRequest, 'headers' | 'ip'>, needed: Role): Principal {
    const { authorization } = request.headers
    if (authorization === undefined) {
      throw unauthorized('Bearer realm="tandem"', 'a key is needed: Authorization: Bearer KEY')
    }
    this.failures.check(request.ip)
    const token = /^bearer +([\w.~+/=-]+) *$/i.exec(authorization.slice(0, MAX_TOKEN))?.[1]
    const principal = token === undefined ? undefined : this.find(token)
    if (principal === undefined) {
      this.failures.count(request.ip)
      throw unauthorized('Bearer realm="tandem", error="invalid_token"', 'the key is not one of this node')
    }
    if (ROLES.indexOf(principal.role) < ROLES.indexOf(needed)) throw forbidden(principal, needed)
    return principal
  }

  private find(token: string): Principal | undefined {
    const digest = this.digest(token)
    let found: Principal | undefined
    for (const key of this.keys) {
      if (timingSafeEqual(key.digest, digest)) found = key.principal
    }
    return found
  }

  private digest(key: string): Buffer {
    return createHmac('sha256', this.secret).update(key).digest()
  }
}

function unauthorized(challenge: string, message: string): ApiError {
  return new ApiError('unauthorized', message, { 'www-authenticate': challenge })
}

function forbidden({ name, role }: Principal, needed: Role): ApiError {
  const challenge = `Bearer realm="tandem", error="insufficient_scope", scope="${needed}"`
  return new ApiError('forbidden', `key ${name} has the role ${role}; this needs ${needed}`, {
    'www-authenticate': challenge,
  })
}

/** A leaky bucket of wrong keys for each address. Requests without any key are not guesses and do not count. */
class FailureLimit {
  private readonly nowMs: () => number
  private readonly buckets = new Map<string, { level: number; atMs: number }>()

  constructor(nowMs: () => number) {
    this.nowMs = nowMs
  }

  check(address: string): void {
    const level = this.level(address)
    if (level <= MAX_FAILURES - 1) return
    const waitSeconds = Math.ceil((level - MAX_FAILURES + 1) / FORGIVEN_PER_MS / 1_000)
    throw new ApiError('too-many-failures', `too many wrong keys from ${address}`, {
      'retry-after': String(waitSeconds),
    })
  }

  count(address: string): void {
    const level = this.level(address) + 1
    this.buckets.delete(address)
    this.buckets.set(address, { level, atMs: this.nowMs() })
    const oldest = this.buckets.size > MAX_ADDRESSES ? this.buckets.keys().next().value : undefined
    if (oldest !== undefined) this.buckets.delete(oldest)
  }

  private level(address: string): number {
    const bucket = this.buckets.get(address)
    if (bucket === undefined) return 0
    return Math.max(0, bucket.level - (this.nowMs() - bucket.atMs) * FORGIVEN_PER_MS)
  }
}
