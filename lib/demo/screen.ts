import { printable, shorten } from '../observe/printable.ts'
import { type CallDirection, liveCalls, type Tally } from './tally.ts'

/** What the console of a demo shows. */
export interface DemoView {
  readonly runningMs: number
  readonly nodes: readonly NodeView[]
  /** Of the HTTP API of both nodes. */
  readonly apiKey: string
  readonly carriers: readonly { readonly id: string; readonly condition: string }[]
  readonly tally: Tally
  /** The newest last. */
  readonly events: readonly string[]
}

export interface NodeView {
  readonly id: string
  readonly url: string
  /** Null: the node does not answer. */
  readonly trunks: readonly TrunkView[] | null
}

/** The fields of a trunk of the API that the screen has. */
export interface TrunkView {
  readonly id: string
  readonly state: 'active' | 'standby' | 'failed'
  readonly fleet: 'active' | 'standby' | 'failed'
  readonly probe: { readonly rttMs: number | null; readonly misses: number }
  readonly calls: { readonly attempts: number; readonly faults: number }
  readonly reason: string | null
}

export type Style = 'plain' | 'bold' | 'gray' | 'green' | 'yellow' | 'red' | 'inverse'

/** A piece of a line in one style, free of control characters. */
export interface Span {
  readonly text: string
  readonly style: Style
}

type Line = readonly Span[]

const STATE_STYLES = { active: 'green', standby: 'yellow', failed: 'red' } as const
const DIRECTIONS: readonly CallDirection[] = ['inbound', 'outbound']

const span = (text: string, style: Style = 'plain'): Span => ({ text: printable(text), style })
const cell = (text: string, width: number, style: Style = 'plain'): Span =>
  span(shorten(text, width - 1).padEnd(width), style)

/** The whole screen, line by line, with what was said last to whoever pressed a key; none longer than `columns` and no more than `rows` of them. */
export function drawScreen(
  view: DemoView,
  selected: string,
  notice: string,
  size: { readonly columns: number; readonly rows: number },
): readonly Line[] {
  const head: readonly Line[] = [
    [span('tandem demo', 'bold'), span(`  two nodes, two simulated carriers, ${formatSpan(view.runningMs)}`, 'gray')],
    ...view.nodes.map(({ id, url }) => [
      span(`  TANDEM_URL=${url} TANDEM_API_KEY=${view.apiKey} ./tandem trunks  # ${id}`),
    ]),
    [],
    ...drawTrunks(view.nodes),
    [],
    ...drawCarriers(view, selected),
    [],
    ...drawCalls(view.tally),
    [],
  ]
  const help = drawHelp(view, selected)
  const foot: readonly Line[] = [[span(notice, 'yellow')], help]
  const room = Math.max(0, size.rows - head.length - foot.length)
  const events = room === 0 ? [] : view.events.slice(-room).map((text): Line => [span(text, 'gray')])
  const body = [...head, ...events].slice(0, Math.max(0, size.rows - foot.length))
  return [...body, ...foot].slice(-size.rows).map((line) => clip(line, size.columns))
}

function drawTrunks(nodes: readonly NodeView[]): readonly Line[] {
  const head: Line = [span('NODE    TRUNK   STATE    FLEET    RTT      MISSES  CALLS  FAULTS  WHY', 'bold')]
  const rows = nodes.flatMap(({ id, trunks }): readonly Line[] => {
    if (trunks === null) return [[cell(id, 8), span('does not answer', 'red')]]
    return trunks.map((trunk) => [
      cell(id, 8),
      cell(trunk.id, 8),
      cell(trunk.state, 9, STATE_STYLES[trunk.state]),
      cell(trunk.fleet, 9, STATE_STYLES[trunk.fleet]),
      cell(trunk.probe.rttMs === null ? '-' : `${Math.round(trunk.probe.rttMs)} ms`, 9),
      cell(String(trunk.probe.misses), 8),
      cell(String(trunk.calls.attempts), 7),
      cell(String(trunk.calls.faults), 8),
      span(trunk.reason ?? '-'),
    ])
  })
  return [head, ...rows]
}

const drawCarriers = ({ carriers }: DemoView, selected: string): readonly Line[] => [
  [span('CARRIER', 'bold')],
  ...carriers.map(
    ({ id, condition }): Line => [
      span(id === selected ? `> ${id.padEnd(8)}` : `  ${id.padEnd(8)}`, id === selected ? 'inverse' : 'plain'),
      span(` ${condition}`, condition === 'well' ? 'green' : 'red'),
    ],
  ),
]

const drawCalls = (tally: Tally): readonly Line[] => [
  [span('CALLS     PLACED  ANSWERED  BY 302  ON THE LINE  LOST  DROPPED', 'bold')],
  ...DIRECTIONS.map((direction): Line => {
    const { placed, answered, redirected, lost, dropped } = tally[direction]
    return [
      cell(direction, 10),
      cell(String(placed), 8),
      cell(String(answered), 10),
      cell(String(redirected), 8),
      cell(String(liveCalls(tally, direction)), 13),
      cell(String(lost), 6, lost > 0 ? 'red' : 'plain'),
      cell(String(dropped), 8, dropped > 0 ? 'yellow' : 'plain'),
    ]
  }),
]

function drawHelp({ carriers }: DemoView, selected: string): Line {
  const letters = carriers.map(({ id }) => id.slice(0, 1)).join('/')
  return [
    span(
      `${letters} carrier · ${selected}: k kill  s silence  r reject  h black hole  m mute  v revive · q quit`,
      'bold',
    ),
  ]
}

/** The counters of all calls on one line, for scripts: `inbound placed=3 …; outbound placed=3 …`. */
export const formatTally = (tally: Tally): string =>
  DIRECTIONS.map((direction) => {
    const counts = Object.entries(tally[direction]).map(([name, value]) => `${name}=${value}`)
    return `${direction} ${counts.join(' ')} live=${liveCalls(tally, direction)}`
  }).join('; ')

/** The state of every trunk on every node on one line, for scripts: `east alpha=active beta=active; west …`. */
export const formatTrunkStates = (nodes: readonly NodeView[]): string =>
  nodes
    .map(({ id, trunks }) => {
      const states = trunks?.map((trunk) => `${trunk.id}=${trunk.state}`) ?? ['does not answer']
      return `${id} ${states.join(' ')}`
    })
    .join('; ')

function clip(line: Line, columns: number): Line {
  let left = columns
  return line.flatMap(({ text, style }) => {
    const shown = shorten(text, left)
    left -= Array.from(shown).length
    return shown === '' ? [] : [{ text: shown, style }]
  })
}

function formatSpan(ms: number): string {
  const seconds = Math.floor(ms / 1_000)
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')} min`
}
