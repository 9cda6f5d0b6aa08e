import { printable } from '../observe/printable.ts'
import type { DrillReport, RunReport } from './report.ts'
import { drillRows, offset } from './report-text.ts'
import type { DrillSecond } from './timeline.ts'

const WIDTH = 960
const HEIGHT = 220
const MARGIN = { left: 44, right: 12, top: 34, bottom: 28 }

/** Colours that stay apart for the colour-blind (Okabe and Ito), dark enough for text on white. */
const SERIES = [
  { of: 'overBroken', name: 'answered over the trunk that breaks', colour: '#0072b2' },
  { of: 'overStandby', name: 'answered over the standby', colour: '#009e73' },
  { of: 'inbound', name: 'inbound, answered', colour: '#e69f00' },
  { of: 'dropped', name: 'dropped while ringing on the trunk that broke', colour: '#7f7f7f' },
  { of: 'lost', name: 'lost', colour: '#d50000' },
] as const satisfies readonly { readonly of: keyof DrillSecond; readonly name: string; readonly colour: string }[]

const STYLE = `
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1b1b1b; background: #fff }
h1, h2, h3 { line-height: 1.2 } h2 { margin-top: 3rem; border-top: 1px solid #ccc; padding-top: 1rem }
table { border-collapse: collapse } td, th { padding: .15rem 1rem .15rem 0; text-align: left; vertical-align: top }
td:first-child { white-space: nowrap } .passed { color: #00695c } .failed { color: #b00020 } .note { color: #555 }
ol { list-style: none; padding: 0; font: 14px/1.5 ui-monospace, monospace } svg { width: 100%; height: auto } .key { margin-right: 1.5rem }
.swatch { display: inline-block; width: .8em; height: .8em; margin-right: .4em }`

/** All reports as one page that needs nothing else: no script, no font, no picture from elsewhere. `at`: when the drill was run. */
export function drillHtml(reports: readonly DrillReport[], at: Date): string {
  const failed = reports.filter(({ passed }) => !passed).length
  const title = failed === 0 ? 'Tandem drill: passed' : `Tandem drill: ${failed} of ${reports.length} failed`
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${markup(title)}</title>
<style>${STYLE}</style></head><body>
<h1>${markup(title)}</h1>
<p class="note">${markup(at.toISOString())} · two nodes, two simulated carriers, one machine. Moments are relative to the fault.</p>
<table><tr><th>scenario</th><th>verdict</th><th>placed</th><th>lost</th><th>rung twice</th><th>records missing</th><th>live calls dropped</th></tr>
${reports.map(summaryRow).join('\n')}
</table>
${reports.map(section).join('\n')}
</body></html>
`
}

function summaryRow(report: DrillReport): string {
  const { scenario, callsPlaced, callsLost, doubleRings, recordsMissing, liveCallsDropped } = report
  const counts = [callsPlaced, callsLost, doubleRings, recordsMissing, liveCallsDropped]
  return `<tr><td>${markup(scenario)}</td><td>${verdict(report.passed)}</td>${counts.map((count) => `<td>${count}</td>`).join('')}</tr>`
}

const verdict = (passed: boolean): string =>
  passed ? '<strong class="passed">passed</strong>' : '<strong class="failed">failed</strong>'

const section = ({ scenario, passed, description, notPromised, runs, skipped }: DrillReport): string =>
  `<h2>${markup(scenario)}: ${verdict(passed)}</h2>
<p>${markup(description)}. <span class="note">Cannot be promised: ${markup(notPromised)}.</span></p>
${runs.map(runSection).join('\n')}
${skipped.map(({ run, why }) => `<h3>${markup(run)}: skipped</h3><p class="note">${markup(why)}</p>`).join('\n')}`

function runSection(run: RunReport): string {
  const key = SERIES.map(
    ({ name, colour }) =>
      `<span class="key"><span class="swatch" style="background:${colour}"></span>${markup(name)}</span>`,
  )
  return `<h3>${markup(run.run)}: ${markup(run.what)}</h3>
${run.failures.map((failure) => `<p class="failed">Not kept: ${markup(failure)}</p>`).join('')}
${chart(run)}
<p class="note">Calls by the second in which they were placed. ${key.join('')}</p>
<ol>${run.moments.map(({ atMs, text }) => `<li>${markup(offset(atMs))} ${markup(text)}</li>`).join('\n')}</ol>
<table>${drillRows(run)
    .map(([name, value]) => `<tr><td>${markup(name)}</td><td>${markup(value)}</td></tr>`)
    .join('\n')}</table>
${run.shortened.length > 0 ? `<p class="note">Shortened for the drill: ${markup(run.shortened.join(', '))}.</p>` : ''}`
}

/** Stacked bars, one a second, with a line for each moment. */
function chart({ seconds, moments, wellMs, run }: RunReport): string {
  const from = seconds[0]?.second ?? 0
  const most = Math.max(1, ...seconds.map(({ placed }) => placed))
  const inner = { width: WIDTH - MARGIN.left - MARGIN.right, height: HEIGHT - MARGIN.top - MARGIN.bottom }
  const step = inner.width / Math.max(1, seconds.length)
  const base = MARGIN.top + inner.height
  const x = (second: number): number => round(MARGIN.left + (second - from) * step)
  const bars = seconds.map((second) => {
    let top = base
    return SERIES.map(({ of, colour }) => {
      const height = (second[of] / most) * inner.height
      top -= height
      if (height === 0) return ''
      return `<rect x="${x(second.second)}" y="${round(top)}" width="${round(step * 0.85)}" height="${round(height)}" fill="${colour}"/>`
    }).join('')
  })
  const broken = `<rect x="${x(0)}" y="${MARGIN.top}" width="${round((wellMs / 1_000) * step)}" height="${inner.height}" fill="#d50000" opacity=".08"/>`
  const ticks = seconds
    .filter(({ second }) => second % 5 === 0)
    .map(
      ({ second }) =>
        `<text x="${x(second)}" y="${HEIGHT - 8}" font-size="12">${second < 0 ? second : `+${second}`} s</text>`,
    )
  const lines = moments.map(({ atMs, kind, text }) => {
    const at = x(atMs / 1_000)
    const dash = kind === 'state' ? ' stroke-dasharray="3 3"' : ''
    return `<line x1="${at}" x2="${at}" y1="${MARGIN.top}" y2="${base}" stroke="#333"${dash}><title>${markup(`${offset(atMs).trim()} ${text}`)}</title></line>`
  })
  const labels = [
    `<text x="${x(0) + 3}" y="${MARGIN.top - 8}" font-size="12" fill="#b00020">broken</text>`,
    `<text x="${x(wellMs / 1_000) + 3}" y="${MARGIN.top - 8}" font-size="12" fill="#00695c">well again</text>`,
    `<text x="${MARGIN.left - 6}" y="${MARGIN.top + 10}" font-size="12" text-anchor="end">${most}</text>`,
    `<text x="${MARGIN.left - 6}" y="${base}" font-size="12" text-anchor="end">0</text>`,
  ]
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${markup(`Calls a second in the run ${run}`)}">
${[broken, ...bars, ...lines, ...labels, ...ticks].filter((part) => part !== '').join('\n')}
</svg>`
}

const round = (value: number): number => Math.round(value * 10) / 10

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Reasons are the words of peers: nothing of them is markup. */
const markup = (text: string): string => printable(text).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
