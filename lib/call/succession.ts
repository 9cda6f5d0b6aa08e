import { assertNever } from '../core/assert-never.ts'
import type { Step } from '../core/step.ts'

/**
 * A person on the line with a caller has asked by REFER for somebody else to take their place (RFC 3515, RFC 5589 §6), and hears by NOTIFYs what comes
 * of it. They stay with the caller until the other one is on the line; those who hang up before, as many phones do, leave the caller alone
 * with a soft sound while it rings.
 */
export type SuccessionState =
  | { readonly kind: 'ringing'; readonly rang: boolean; readonly isAlone: boolean }
  | { readonly kind: 'over' }

export type SuccessionInput =
  /** 18x of the other one. */
  | { readonly kind: 'rings' }
  /** They have answered, and are joined with the caller. */
  | { readonly kind: 'joined' }
  /** They cannot be had. `status`: what a SIP caller of theirs would hear. */
  | { readonly kind: 'failed'; readonly status: number; readonly why: string }
  /** Whoever asked for it has hung up, or is lost. */
  | { readonly kind: 'left' }
  | { readonly kind: 'callEnded' }

export type SuccessionEffect =
  /** What whoever asked is told, as long as they are there. A final status is the last of it. */
  | { readonly kind: 'notify'; readonly status: number }
  /** Nobody is with the caller any more. */
  | { readonly kind: 'comfort' }
  /** The other one has their place. `isAlone`: they are gone already, else they are to be hung up, once they have been told. */
  | { readonly kind: 'succeed'; readonly isAlone: boolean }
  /** Nobody is with the caller any more, and nobody will be. */
  | { readonly kind: 'strand'; readonly why: string }

type SuccessionStep = Step<SuccessionState, SuccessionEffect>

/** It was accepted, and is begun: RFC 3515 §2.4.4 wants a NOTIFY at once. */
export const newSuccession = (): SuccessionStep => ({
  state: { kind: 'ringing', rang: false, isAlone: false },
  effects: [{ kind: 'notify', status: 100 }],
})

/** One input to a succession. What comes late, or means nothing to a state, leaves it as it is. */
export function stepSuccession(state: SuccessionState, input: SuccessionInput): SuccessionStep {
  if (state.kind === 'over') return { state, effects: [] }
  const { rang, isAlone } = state
  const tell = (status: number): SuccessionEffect[] => (isAlone ? [] : [{ kind: 'notify', status }])
  switch (input.kind) {
    case 'rings':
      return { state: { ...state, rang: true }, effects: rang ? [] : tell(180) }
    case 'joined':
      return { state: OVER, effects: [...tell(200), { kind: 'succeed', isAlone }] }
    case 'failed':
      return { state: OVER, effects: isAlone ? [{ kind: 'strand', why: input.why }] : tell(input.status) }
    case 'left':
      return { state: { ...state, isAlone: true }, effects: isAlone ? [] : [{ kind: 'comfort' }] }
    case 'callEnded':
      return { state: OVER, effects: [] }
    default:
      return assertNever(input)
  }
}

const OVER: SuccessionState = { kind: 'over' }
