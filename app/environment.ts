/** The environment of this process, read once: later changes of `process.env` change nothing here. Loads nothing, for commands that only ask. */
export const environment: Readonly<Record<string, string | undefined>> = Object.freeze({ ...process.env })
