import type { RouterQuestion } from '../../../app/route/messages.ts'
import type { RouterVerdict } from '../../../app/route/router.ts'

/** A router that says what a test wants, when it wants. */
export class ScriptedRouter {
  readonly asked: RouterQuestion[] = []
  #answers: ((verdict: RouterVerdict) => void)[] = []

  ask(question: () => RouterQuestion): Promise<RouterVerdict> {
    this.asked.push(question())
    return new Promise((resolve) => this.#answers.push(resolve))
  }

  levelOf(): 'warn' {
    return 'warn'
  }

  /** Answers all that were asked and not answered. */
  say(verdict: RouterVerdict): void {
    for (const answer of this.#answers.splice(0)) answer(verdict)
  }
}
