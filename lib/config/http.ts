import * as z from 'zod'
import { section } from './units.ts'
import { hostPort, name, secret } from './values.ts'

const key = z.strictObject({
  name: name.describe('Who uses this key; stands in the audit log.'),
  key: secret.describe('The bearer key itself.'),
  role: z
    .enum(['viewer', 'operator', 'admin'])
    .describe('viewer reads, operator acts on trunks and calls, admin the rest.'),
})

/** `http`: the API, the console and the metrics. */
export const http = section({
  listen: hostPort.prefault('127.0.0.1:8080').describe('Address of the API, the console and the metrics.'),
  keys: z
    .array(key)
    .max(1_000)
    .default([])
    .describe('Bearer keys; with none, `start` makes an admin key into the data folder.'),
})
