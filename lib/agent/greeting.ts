/**
 * How a backend is asked to speak an exact text: this sentence, then the text in double quotes to the end. Models follow it closely; the
 * local agent takes what stands between the first quote after the colon and the last one, and speaks that.
 */
export const SAY_EXACTLY = 'Say exactly the following, and nothing else: '

/** Instructions of the one response that speaks `text`. */
export const greetingInstructions = (text: string): string => `${SAY_EXACTLY}"${text}"`
