/** Whom a call is to be handed to, and who says so. */
export interface TransferOrder {
  readonly by: 'agent' | 'operator'
  /** E.164, as dialled in the country of the call's tenant, or an extension. */
  readonly to: string
  /** What the config calls the person; null: an operator's number. */
  readonly name: string | null
  /** The agent tells the person first who is calling. */
  readonly attended: boolean
  /** How long it may ring; null: as long as the trunk says. */
  readonly ringTimeoutMs: number | null
  /** The tool call that is to be answered; null: nobody waits. */
  readonly toolCall: string | null
}
