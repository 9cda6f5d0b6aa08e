/** Whether a call is recorded at this moment, as its agent wants it; it may be asked for before the recording begins. */
export class RecordingSwitch {
  readonly #isRecorded: boolean
  #isOn = true

  /** @param isRecorded the call is recorded at all */
  constructor(isRecorded: boolean) {
    this.#isRecorded = isRecorded
  }

  get isOn(): boolean {
    return this.#isOn
  }

  /** False where there is no recording to switch. */
  set(wanted: boolean): boolean {
    if (this.#isRecorded) this.#isOn = wanted
    return this.#isRecorded
  }
}
