/** What an operator may have done to a call that is on the line. */
export type CallOrder =
  | { readonly kind: 'hangUp' }
  /** `to`: a number in E.164, or as dialled in the country of the call's tenant. */
  | { readonly kind: 'transfer'; readonly to: string }

/** `absent`: no such call is on the line here. `code`: the request is wrong; a limit is reached; or the call cannot be transferred as it stands. */
export type OrderOutcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'absent' }
  | { readonly kind: 'refused'; readonly code: 'request' | 'limit' | 'state'; readonly message: string }
