import assert from 'node:assert/strict'
import { takeLibraryConsole } from '../../../app/observe/library-console.ts'
import { createLog } from '../../../app/observe/log.ts'

describe('the console of libraries', () => {
  it('is the log at level debug, with numbers masked, until it is given back', () => {
    const lines: string[] = []
    const { log } = createLog({ level: 'debug', pretty: false, stream: { write: (line) => void lines.push(line) } })
    const { error } = console
    const giveBack = takeLibraryConsole({ log })
    try {
      console.error('Mediaserver: lost %s', 'sip:+12025550123@192.0.2.1')
    } finally {
      giveBack()
    }
    assert.equal(console.error, error)
    assert.match(lines.join(), /"level":"debug".*"msg":"Mediaserver: lost sip:\+1\*+23@192\.0\.2\.1"/)
  })
})
