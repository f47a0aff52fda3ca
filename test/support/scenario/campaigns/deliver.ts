import { duplicated } from '../distort.ts'
import type { JsonObject } from '../json.ts'
import { createRandom } from '../random.ts'
import type { Label } from '../recording.ts'
import { MINUTE_US, SECOND_US } from '../timeline.ts'
import type { Generated } from './generate.ts'

/** What delivery does to what was generated: the stream as it arrives. */

export interface DeliveryOptions {
  readonly seed: string
  /** Every record comes up to so much late, microseconds, and so in another order. */
  readonly lateness_us: number
  /** Share of records that come twice. */
  readonly duplicates: number
  /** How late records of the cloud's trail come at most; at least two minutes, microseconds. */
  readonly cloud_late_us: number
  /** How late audit events of attacks come that evade by it, microseconds. */
  readonly audit_late_us: number
}

export const USUAL_DELIVERY = {
  lateness_us: 20 * SECOND_US,
  duplicates: 0.03,
  cloud_late_us: 9 * MINUTE_US,
  audit_late_us: 9 * MINUTE_US
} as const

export interface Arrival {
  readonly time_us: number
  readonly arrival_us: number
  /** Index of the cluster among those generated. */
  readonly cluster: number
  readonly label: Label
  readonly record: JsonObject
}

/** A pod becomes known to the inventory. */
export interface Appearance {
  readonly arrival_us: number
  readonly cluster: number
  readonly pod: JsonObject
}

export interface Delivered {
  /** In order of arrival. */
  readonly arrivals: readonly Arrival[]
  readonly appearances: readonly Appearance[]
}

const AGENT_LATE_US = 3 * MINUTE_US

const podUidOf = (record: JsonObject): string =>
  /"pod":\{"namespace":"[^"]*","name":"[^"]*","uid":"([^"]*)"/.exec(JSON.stringify(record))?.[1] ?? ''

/** @returns records and facts in the order in which they arrive */
export function deliver(generated: Generated, options: DeliveryOptions): Delivered {
  const random = createRandom(`${options.seed}/delivery`)
  const evasions = new Map(generated.attacks.map((attack) => [attack.id, attack.evasions]))
  const arrivals: Arrival[] = []
  const appearances: Appearance[] = []
  for (const [cluster, { recorded, appearances: pods }] of generated.clusters.entries()) {
    /** Pods of attacks that are gone before anything is known of them. */
    const gone = new Set<string>()
    for (const { source, time_us, label, record } of recorded) {
      const tried = label.kind === 'attack' ? (evasions.get(label.attack ?? '') ?? []) : []
      let late_us = Math.round(random.next() * options.lateness_us)
      if (source === 'audit' && tried.includes('audit-late'))
        late_us = Math.max(late_us, Math.round(options.audit_late_us * (0.9 + random.next() * 0.1)))
      if (source === 'tetragon' && tried.includes('agent-late'))
        late_us = Math.max(late_us, Math.round(AGENT_LATE_US * random.next()))
      if (source === 'cloud')
        late_us =
          Math.min(2 * MINUTE_US, options.cloud_late_us) +
          Math.round(Math.max(0, options.cloud_late_us - 2 * MINUTE_US) * random.next())
      if (source === 'tetragon' && tried.includes('container-gone')) gone.add(podUidOf(record))
      arrivals.push({ time_us, arrival_us: time_us + late_us, cluster, label, record })
    }
    for (const { time_us, pod, uid } of pods) {
      if (!gone.has(uid)) appearances.push({ arrival_us: time_us + random.integer(0, 2_000_000), cluster, pod })
    }
  }
  const inOrder = arrivals.sort((a, b) => a.arrival_us - b.arrival_us)
  return {
    arrivals:
      options.duplicates === 0 ? inOrder : duplicated(inOrder, options.duplicates, 40, random.fork('duplicates')),
    appearances: appearances.sort((a, b) => a.arrival_us - b.arrival_us)
  }
}
