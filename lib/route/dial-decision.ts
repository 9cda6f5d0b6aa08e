import * as z from 'zod'
import { parseSipAddress } from '../config/addresses.ts'
import { DIAL_HEADERS } from './router.ts'

/** Most persons that one decision may name. */
const MAX_TARGETS = 8
const MAX_HEADERS = 16
/** How long a person may be rung: beyond timer C (RFC 3261 §16.6) proxies on the way give up. */
const TIMEOUT_MS = { min: 1_000, max: 180_000 } as const

const PERMITTED: ReadonlySet<string> = new Set(DIAL_HEADERS.map((name) => name.toLowerCase()))
const NAMES = DIAL_HEADERS.join(', ')

const timeoutMs = z
  .int()
  .min(TIMEOUT_MS.min, `less than ${TIMEOUT_MS.min} ms`)
  .max(TIMEOUT_MS.max, `more than ${TIMEOUT_MS.max} ms`)
  .optional()

const number = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[+0-9().\s-]+$/, 'is no telephone number')

/** One line of one header each, and nothing after it. */
const headers = z
  .record(
    z.string(),
    z
      .string()
      .max(1_024)
      .regex(/^[\x20-\x7e]*$/, 'has other characters than printable ASCII'),
  )
  .superRefine((all, context) => {
    const names = Object.keys(all)
    if (names.length > MAX_HEADERS) context.addIssue(`more than ${MAX_HEADERS}`)
    for (const name of names) {
      if (!isPermitted(name))
        context.addIssue({ code: 'custom', path: [name], message: `neither begins with X- nor is one of ${NAMES}` })
    }
  })
  .optional()

const isPermitted = (name: string): boolean => /^x-[a-z0-9-]{1,60}$/i.test(name) || PERMITTED.has(name.toLowerCase())

const uri = z
  .string()
  .refine((text) => parseSipAddress(text) !== undefined, 'is no sip: or sips: URI that can be called')

const target = z.union(
  [
    uri,
    z.strictObject({ uri, timeoutMs, headers }),
    z.strictObject({
      number,
      group: z.string().min(1).max(128).optional(),
      from: number.optional(),
      timeoutMs,
      headers,
    }),
  ],
  { error: 'is neither a URI nor { uri, timeoutMs?, headers? } nor { number, group?, from?, timeoutMs?, headers? }' },
)

/** What a router says of persons to ring, as strictly as it may be said. */
export const dialSchema = z.strictObject({
  dial: z.array(target).min(1, 'names nobody').max(MAX_TARGETS, `more than ${MAX_TARGETS}`),
  mode: z.enum(['sequential', 'parallel']).optional(),
  timeoutMs,
  from: number.optional(),
  headers,
  onLost: z
    .union([z.literal('hangup'), z.strictObject({ agent: z.string().min(1).max(128) })], {
      error: "is neither 'hangup' nor { agent }",
    })
    .optional(),
})

/** What a router says of where an INVITE is sent on to. */
export const proxySchema = z.strictObject({
  proxy: z.array(uri).min(1, 'names nobody').max(MAX_TARGETS, `more than ${MAX_TARGETS}`),
  mode: z.enum(['sequential', 'parallel']).optional(),
  timeoutMs,
})
