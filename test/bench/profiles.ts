import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { CorrelatorState, Signal } from '../../schemas/generated/types.ts'
import { createCodec, localSchemas } from '../../services/core/avro/codec.ts'
import { advanceProfiles, profileIndexOf } from '../../services/core/profiles/reducer.ts'
import { restoreProfiles } from '../../services/core/profiles/restore.ts'
import { emptyProfileState } from '../../services/core/profiles/state.ts'
import { loadTexts, ruleText } from '../support/rule-text.ts'
import { CLUSTER, signalOf } from '../support/signals.ts'
import type { Print } from './lazy.ts'
import { figure } from './measure.ts'

const VALUES = 300_000
const PER_WORKLOAD = [3, 25, 400] as const
const BATCH = 500
const CLOCK = { latest: Number.POSITIVE_INFINITY, lateness_us: 600_000_000 }

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

function heapBytes(): number {
  collect()
  return process.memoryUsage().heapUsed
}

const cpu = (work: () => void): number => {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return user + system
}

/** Profiles of workloads with few, some and many values: time per event, bytes per value in memory and in the changelog, restart. */
export function benchProfiles(print: Print): void {
  const { profiles, loaded } = loadTexts([
    `name: ran\n${ruleText({ a: { verb: 'get' }, condition: 'a' })}`,
    'title: new\nprofile: { type: new_value, rules: [ran], of: [verb], for: { identity: [actor.name] } }\n'
  ])
  const index = profileIndexOf(profiles)
  const rule = { id: loaded[0]?.document.id ?? '', code: null, title: 'ran', level: 'low' as const }
  const sample = { ...signalOf({ id: 'x', minute: 0 }), rule, role: 'part' as const }
  const codec = createCodec(localSchemas())
  for (const per of PER_WORKLOAD) {
    const ran = (n: number, day: number): Signal => ({
      ...sample,
      id: `${n} ${day}`,
      time: sample.time + day * 86_400_000_000 + n * 1_000,
      correlation_fields: {
        'actor.name': [`namespace-${Math.floor(n / per) % 97}/Deployment/workload-${Math.floor(n / per)}`],
        verb: [`/usr/lib/program-${n % per}/bin/x-${n}`]
      }
    })
    const state = emptyProfileState(CLUSTER.id)
    const changelog = new Map<string, CorrelatorState>()
    const play = (day: number): number => {
      let used_us = 0
      for (let at = 0; at < VALUES; at += BATCH) {
        const batch = Array.from({ length: BATCH }, (_, n) => ran(at + n, day))
        used_us += cpu(() => advanceProfiles(state, index, batch, CLOCK))
        for (const [key, value] of state.changes) if (value !== null) changelog.set(key, value)
        state.changes.clear()
      }
      return used_us
    }
    const learn_us = play(0)
    const again_us = play(0)
    const entries = [...changelog.values()]
    const bytes = entries.reduce(
      (sum, entry) => sum + codec.encode('correlator-state', entry).length + entry.key.length + 40,
      0
    )
    changelog.clear()
    const copy = JSON.parse(JSON.stringify(entries)) as CorrelatorState[]
    const before = heapBytes()
    const held: { state: ReturnType<typeof restoreProfiles> | null } = { state: null }
    const restore_us = cpu(() => {
      held.state = restoreProfiles(CLUSTER.id, index, copy, 0)
    })
    const heap = heapBytes() - before
    print(`Profiles, ${per} values a workload`, [
      figure('learning a new value', VALUES, learn_us),
      figure('a value that is known', VALUES, again_us),
      figure('restart, per value', VALUES, restore_us)
    ])
    const { groups = new Map(), values = 0 } = held.state ?? {}
    console.log(
      `  ${values} values of ${groups.size} workloads: ${(heap / values).toFixed(0)} bytes each in memory, ${(bytes / values).toFixed(0)} in the changelog (${entries.length} entries)`
    )
  }
}
