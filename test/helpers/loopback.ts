import { randomInt } from 'node:crypto'

/** A loopback address of its own for a test, so that the usual ports are free on it and nothing leaves this machine. */
export const loopbackAddress = (): string => `127.${randomInt(1, 255)}.${randomInt(0, 255)}.${randomInt(2, 255)}`
