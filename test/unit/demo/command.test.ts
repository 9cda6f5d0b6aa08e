import assert from 'node:assert/strict'
import { commandHelp, commandOfKey, FAULT_OF, parseCommand } from '../../../lib/demo/command.ts'

const CARRIERS = ['alpha', 'beta']

describe('commands of a demo', () => {
  it('are read from a line, in any case and spacing', () => {
    for (const deed of Object.keys(FAULT_OF)) {
      assert.deepEqual(parseCommand(`  ${deed.toUpperCase()}   Beta `, CARRIERS), {
        kind: 'deed',
        deed,
        carrier: 'beta',
      })
    }
    for (const kind of ['status', 'help', 'quit']) assert.deepEqual(parseCommand(kind, CARRIERS), { kind })
    assert.equal(parseCommand('   ', CARRIERS), undefined)
  })

  it('say what there is where they are not understood', () => {
    for (const line of ['kill', 'kill gamma', 'kill alpha beta', 'quit now', 'constructor alpha', 'explode alpha']) {
      const command = parseCommand(line, CARRIERS)
      assert.equal(command?.kind, 'unknown', line)
      assert.match(command?.kind === 'unknown' ? command.text : '', /alpha/)
    }
    assert.match(commandHelp(CARRIERS), /kill.*alpha or beta.*quit/)
  })

  it('are single keys on a terminal, on the carrier that was selected', () => {
    assert.deepEqual(commandOfKey('b', 'alpha', CARRIERS), { kind: 'select', carrier: 'beta' })
    assert.deepEqual(commandOfKey('k', 'beta', CARRIERS), { kind: 'deed', deed: 'kill', carrier: 'beta' })
    assert.deepEqual(commandOfKey('H', 'alpha', CARRIERS), { kind: 'deed', deed: 'blackhole', carrier: 'alpha' })
    for (const key of ['q', '\u0003', '\u0004'])
      assert.deepEqual(commandOfKey(key, 'alpha', CARRIERS), { kind: 'quit' })
    for (const key of ['x', '\u001b', ' ', '', '__proto__'])
      assert.equal(commandOfKey(key, 'alpha', CARRIERS), undefined)
  })
})
