/**
 * What a step of a state machine gives back: the next state, and the effects that a driver performs in order.
 * A machine has no timers, sockets or clocks; a deadline is a field of its state.
 */
export interface Step<S, E> {
  readonly state: S
  readonly effects: readonly E[]
}
