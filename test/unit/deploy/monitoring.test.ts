import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import * as z from 'zod'
import { createMetrics } from '../../../app/observe/metrics.ts'
import { ROOT } from '../../helpers/root.ts'

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

/** Series that a node gives to Prometheus, with those that a histogram consists of, and what Prometheus has of its own. */
async function series(): Promise<ReadonlyMap<string, readonly string[]>> {
  const metrics = createMetrics('east-1')
  const found = new Map<string, readonly string[]>([['up', ['job']]])
  for (const { name, type, ...rest } of await metrics.registry.getMetricsAsJSON()) {
    const labels = 'values' in rest ? rest.values.flatMap((value) => Object.keys(value.labels)) : []
    const parts = String(type) === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']
    for (const part of parts) found.set(`${name}${part}`, labels)
  }
  metrics.close()
  return found
}

/** Names of metrics in PromQL: words that are followed by no parenthesis and are no keyword, label or range. */
function metricsOf(expr: string): readonly string[] {
  const bare = expr
    .replace(/"[^"]*"/g, '')
    .replace(/\{[^}]*\}/g, '')
    .replace(/\[[^\]]*\]/g, '')
    .replace(/\b(?:by|on|without|ignoring|group_left|group_right)\s*\([^)]*\)/g, '')
  return [...bare.matchAll(/\b([a-z_:][\w:]*)\b(?!\s*\()/gi)]
    .flatMap(([, word]) => word ?? [])
    .filter((word) => !['and', 'or', 'unless', 'offset', 'bool'].includes(word))
}

const Rules = z.object({
  groups: z.array(
    z.object({
      rules: z.array(
        z.object({
          alert: z.string(),
          expr: z.string(),
          labels: z.object({ severity: z.enum(['page', 'ticket']) }),
          annotations: z.object({ summary: z.string(), description: z.string() }),
        }),
      ),
    }),
  ),
})
const Panel = z.object({
  title: z.string(),
  targets: z.array(z.object({ expr: z.string(), datasource: z.object({ uid: z.string() }) })).default([]),
})
const Dashboard = z.object({
  panels: z.array(Panel),
  annotations: z.object({ list: z.array(z.object({ expr: z.string() })) }),
  templating: z.object({ list: z.array(z.object({ definition: z.string() })) }),
})

describe('monitoring', () => {
  const alerts = Rules.parse(parse(read('deploy/prometheus/alerts.yml'))).groups.flatMap(({ rules }) => rules)
  const dashboard = Dashboard.parse(JSON.parse(read('deploy/grafana/dashboards/tandem.json')))

  it('alerts on metrics that a node has', async () => {
    const known = await series()
    const unknown = alerts.flatMap(({ alert, expr }) =>
      metricsOf(expr).flatMap((name) => (known.has(name) ? [] : [`${alert}: ${name}`])),
    )
    assert.deepEqual(unknown, [])
    for (const { alert, expr } of alerts) assert.ok(metricsOf(expr).length > 0, alert)
  })

  it('shows metrics that a node has, in every panel', async () => {
    const known = await series()
    const queries = [
      ...dashboard.panels.flatMap(({ title, targets }) => targets.map(({ expr }) => ({ title, expr }))),
      ...dashboard.annotations.list.map(({ expr }) => ({ title: 'annotation', expr })),
    ]
    const unknown = queries.flatMap(({ title, expr }) =>
      metricsOf(expr).flatMap((name) => (known.has(name) ? [] : [`${title}: ${name}`])),
    )
    assert.deepEqual(unknown, [])
    for (const { title, expr } of queries) assert.ok(metricsOf(expr).length > 0, title)
    for (const { definition } of dashboard.templating.list)
      assert.ok(known.has(/^label_values\((\w+), node\)$/.exec(definition)?.[1] ?? ''), definition)
  })

  it('asks the data source that is provisioned', () => {
    const { datasources } = z
      .object({ datasources: z.array(z.object({ uid: z.string(), url: z.string() })) })
      .parse(parse(read('deploy/grafana/provisioning/datasources/prometheus.yml')))
    const uids = dashboard.panels.flatMap(({ targets }) => targets.map(({ datasource }) => datasource.uid))
    assert.deepEqual(new Set(uids), new Set(datasources.map(({ uid }) => uid)))
  })

  it('scrapes the nodes of docker-compose.yml where they listen', () => {
    const targets = [...read('deploy/prometheus/prometheus.yml').matchAll(/127\.0\.0\.1:(\d+)"\], labels/g)]
    const ports = [...read('docker-compose.yml').matchAll(/NODE_HTTP_PORT: "(\d+)"/g)]
    assert.deepEqual(
      targets.map(([, port]) => port),
      ports.map(([, port]) => port),
    )
  })
})
