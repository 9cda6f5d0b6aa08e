/** What a router has for one call, in milliseconds. */
export const BUDGET_MS = 500
