import { randomFillSync } from 'node:crypto'
import { ulid } from 'ulid'

/** Random bytes in stock: drawn one by one they cost as much as the rest of a call that is redirected. */
const stock = new Uint8Array(4_096)
let used = stock.length

/** A ULID of now; its 80 random bits are the system's. */
export const newUlid = (): string => ulid(undefined, draw)

/** From 0 up to 1, in steps of 1/256: the package asks for one of 32 letters at a time. */
function draw(): number {
  if (used === stock.length) {
    randomFillSync(stock)
    used = 0
  }
  return (stock[used++] ?? 0) / 256
}
