/**
 * What the softphone calls from, where packets to a node would leave from `route`: every address of 127.0.0.0/8 is reached
 * from itself, and the one that nodes let in is 127.0.0.1.
 */
export const phoneAddress = (route: string): string => (route.startsWith('127.') ? '127.0.0.1' : route)
