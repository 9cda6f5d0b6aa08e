import { Gauge, type Registry } from 'prom-client'
import type { TrunkState } from '../../lib/trunk/state.ts'

const STATES = ['active', 'standby', 'failed'] as const satisfies readonly TrunkState[]

/** Gauges over a list of things as it stands when Prometheus scrapes. What is not in the list any more is gone with it. */
export interface Figures<Thing> {
  /** One figure of each; null: it has none. */
  readonly gauge: (name: string, help: string, read: (thing: Thing) => number | null) => void
  /** The state of each: 1 for the one that holds, 0 for the others. */
  readonly states: (name: string, help: string, read: (thing: Thing) => TrunkState) => void
}

/** @param subject what each of the things is, as name and label have it: `trunk` makes `tandem_trunk_…{trunk="…"}` */
export function figuresOf<Thing extends { readonly id: string }>(
  register: Registry,
  subject: string,
  things: () => readonly Thing[],
): Figures<Thing> {
  const add = (name: string, help: string, labels: readonly string[], each: (gauge: Gauge, thing: Thing) => void) =>
    new Gauge({
      name: `tandem_${subject}_${name}`,
      help,
      labelNames: [subject, ...labels],
      registers: [register],
      collect() {
        this.reset()
        for (const thing of things()) each(this, thing)
      },
    })
  return {
    gauge: (name, help, read) => {
      add(name, help, [], (gauge, thing) => {
        const value = read(thing)
        if (value !== null) gauge.set({ [subject]: thing.id }, value)
      })
    },
    states: (name, help, read) => {
      add(name, help, ['state'], (gauge, thing) => {
        const held = read(thing)
        for (const state of STATES) gauge.set({ [subject]: thing.id, state }, held === state ? 1 : 0)
      })
    },
  }
}

/** Prometheus counts in seconds. */
export const seconds = (ms: number | null): number | null => (ms === null ? null : ms / 1_000)
