import assert from 'node:assert/strict'
import fc from 'fast-check'
import { formatCsvLine, parseCsv } from '../../../lib/outbound/csv.ts'
import { dialKeyText, readDialList } from '../../../lib/outbound/dial-list.ts'
import { backOffMs, holdUntil, newPace, takeTurn } from '../../../lib/outbound/pace.ts'

describe('CSV', () => {
  it('has the line on which each record begins, quotes and line ends inside of fields', () => {
    const read = parseCsv('\uFEFFto,name\r\n\r\n1,"O""Hara,\nMary"\n2,\n')
    assert.deepEqual(read, {
      ok: true,
      value: [
        { line: 1, fields: ['to', 'name'] },
        { line: 3, fields: ['1', 'O"Hara,\nMary'] },
        { line: 5, fields: ['2', ''] },
      ],
    })
  })

  const broken: readonly (readonly [text: string, line: number, why: RegExp])[] = [
    ['a,b\n1,"x', 2, /never closed/],
    ['a,b\n1,"x"y', 2, /between a closing quote/],
    ['a,b\n1,x"y', 2, /inside a field/],
    [`${'x,'.repeat(200)}`, 1, /more than 128 fields/],
    ['x'.repeat(9_000), 1, /more than 8192/],
  ]
  for (const [text, line, why] of broken)
    it(`is not ${JSON.stringify(text.slice(0, 14))}`, () => {
      const read = parseCsv(text)
      assert.ok(!read.ok)
      assert.equal(read.error.line, line)
      assert.match(read.error.message, why)
    })

  it('reads what it has written', () => {
    const records = fc.array(fc.array(fc.string({ unit: 'grapheme', maxLength: 20 }), { minLength: 2, maxLength: 5 }), {
      minLength: 1,
    })
    fc.assert(
      fc.property(records, (all) => {
        const read = parseCsv(`\uFEFF${all.map(formatCsvLine).join('')}`)
        assert.ok(read.ok)
        assert.deepEqual(
          read.value.map(({ fields }) => fields),
          all,
        )
      }),
    )
  })

  it('never throws, whatever it is given', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('"', ',', '\n', '\r', 'a') }), (text) => void parseCsv(text)),
    )
  })
})

describe('a list of calls', () => {
  const read = (text: string, tenant?: string) => readDialList(text, tenant === undefined ? {} : { tenant })

  it('asks for a call a line, with what the command line adds', () => {
    const list = read(
      'to,from,agent,variables.name\n+12025550123,,,Mary\n(202) 555-0124,+12025550100,intake,\n',
      'clinic',
    )
    assert.ok(list.ok)
    assert.deepEqual(
      list.value.map(({ line, body }) => [line, body]),
      [
        [2, { to: '+12025550123', tenant: 'clinic', variables: { name: 'Mary' } }],
        [3, { to: '(202) 555-0124', from: '+12025550100', tenant: 'clinic', agent: 'intake' }],
      ],
    )
  })

  it('tells of every line that is wrong', () => {
    const list = read('to,tenant\n+12025550123,\nnobody,clinic\n,clinic\n+12025550124,clinic,more\n')
    assert.ok(!list.ok)
    assert.deepEqual(
      list.error.map(({ line }) => line),
      [2, 3, 4, 5],
    )
    assert.match(
      list.error.map(({ message }) => message).join('\n'),
      /^tenant: .*\nto: "nobody".*\nto: there is no number\nit has 3 fields/,
    )
  })

  for (const [head, why] of [
    ['number', /column "number" is none of/],
    ['to,to', /"to" stands there twice/],
    ['to,variables.a b', /is none of/],
    ['', /is empty/],
  ] as const)
    it(`has no columns ${JSON.stringify(head)}`, () => {
      const list = read(head, 'clinic')
      assert.ok(!list.ok)
      assert.match(list.error[0]?.message ?? '', why)
    })

  it('has keys that stay where it is sorted or grows, and differ where somebody stands there twice', () => {
    const keys = (text: string) => {
      const list = read(text, 'clinic')
      assert.ok(list.ok)
      return list.value.map((line) => dialKeyText('list.csv', line))
    }
    const [a, b, again] = keys('to\n1\n2\n1\n')
    assert.deepEqual(keys('to\n3\n2\n1\n').slice(1), [b, a])
    assert.notEqual(a, again)
  })
})

describe('the pace of a list', () => {
  it('spreads turns evenly, makes up for none, and waits where the other side says so', () => {
    let pace = newPace(4, 1_000)
    const turns = [1_000, 1_000, 1_000, 9_000, 9_000].map((nowMs) => {
      const turn = takeTurn(pace, nowMs)
      pace = turn.pace
      return turn.atMs
    })
    assert.deepEqual(turns, [1_000, 1_250, 1_500, 9_000, 9_250])
    assert.equal(takeTurn(holdUntil(pace, 12_000), 9_300).atMs, 12_000)
  })

  it('backs off as it is told, else twice as long each time, and never for more than half a minute and a quarter', () => {
    assert.deepEqual(
      [
        backOffMs(1, null, 0),
        backOffMs(3, null, 0),
        backOffMs(20, null, 0),
        backOffMs(1, 5_000, 0),
        backOffMs(9, 9e9, 1),
      ],
      [1_000, 4_000, 30_000, 5_000, 37_500],
    )
  })
})
