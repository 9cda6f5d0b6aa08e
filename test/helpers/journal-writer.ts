import { startStore } from '../../app/store/store.ts'
import { nodeId } from '../../lib/core/ids.ts'
import { callRow, trace, turn } from './records.ts'

/**
 * A process of its own that journals calls without end, to be killed: `node journal-writer.js <postgres> <dataDir>`. Each
 * time a batch is on disk it says over IPC how many calls that makes.
 */
const [, , postgres = '', dataDir = ''] = process.argv
const { journal } = await startStore({ postgres, dataDir, node: nodeId('east-1') })

for (let n = 1; ; n++) {
  const row = callRow(n)
  journal.call(row)
  journal.event({ event: 'call.incoming', call: row.id, n })
  journal.sip(row.id, 0, trace(`INVITE sip:${n}@192.0.2.2 SIP/2.0\r\n\r\n`))
  journal.turn(row.id, 0, turn(`turn of ${n}`))
  if (n % 7 > 0) continue
  await journal.synced()
  process.send?.(n)
}
