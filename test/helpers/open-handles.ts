import { setTimeout as delay } from 'node:timers/promises'
import type { Runner, Suite } from 'mocha'

/** Kinds of resource that hold a process, and that a test may have left: requests under way and the terminal are not. */
const OURS = new Set([
  'TCPSocketWrap',
  'TCPServerWrap',
  'TLSWrap',
  'UDPWrap',
  'PipeServerWrap',
  'ProcessWrap',
  'Worker',
  'MessagePort',
  'Timeout',
  'StatWatcher',
  'FSEventWrap',
  'SignalWrap',
])

/** What is open now and holds the process, counted by kind. */
export function openResources(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  return counts
}

/** How long a close that is under way may take to be done after the last test of a file. */
const GRACE_MS = 3_000
const LOOK_EVERY_MS = 20

/** After each test file: no handle, port or timer is open that was not open before it. What is left fails the file. */
export function guardHandles(root: Suite, runner: Runner): void {
  const before = new Map<Suite, ReadonlyMap<string, number>>()
  runner.on('suite', (suite) => {
    if (suite.parent === root) before.set(suite, openResources())
  })
  for (const suite of root.suites) {
    suite.afterAll('leaves no handle, port or timer open', async function () {
      let left = leaks(before.get(suite) ?? new Map())
      for (let waitedMs = 0; left.length > 0 && waitedMs < GRACE_MS; waitedMs += LOOK_EVERY_MS) {
        await delay(LOOK_EVERY_MS)
        // mocha starts a timer of its own as soon as a hook waits, whatever timeout it is given: it would be counted.
        this.runnable().clearTimeout()
        left = leaks(before.get(suite) ?? new Map())
      }
      if (left.length > 0) throw new Error(`left open by ${suite.file ?? suite.title}: ${left.join(', ')}`)
    })
  }
}

function leaks(before: ReadonlyMap<string, number>): readonly string[] {
  return [...openResources()].flatMap(([kind, count]) => {
    const more = count - (before.get(kind) ?? 0)
    return OURS.has(kind) && more > 0 ? [`${kind} ×${more}`] : []
  })
}
