import type { CorrelatorState, Incident, Signal } from '../../schemas/generated/types.ts'
import type { Codec } from '../../services/core/avro/codec.ts'
import type { createMemoryBus } from '../../services/platform/memory/bus.ts'

type Bus = ReturnType<typeof createMemoryBus>

/** Tells the correlator signals through its topic, and what it publishes and keeps: for tests of it on a bus in memory. */
export function correlatorBus(codec: Codec) {
  return {
    async feed(bus: Bus, signals: readonly Signal[]): Promise<void> {
      await bus.publish(
        signals.map((signal) => ({
          topic: 'weir.signals.v1',
          key: signal.cluster.id,
          value: codec.encode('signal', signal)
        }))
      )
      await bus.drain()
    },

    /** What was published last of each, without what was withdrawn or merged into another. */
    async standing(bus: Bus) {
      const signals = await Promise.all(
        bus.read('weir.correlated.v1').map(({ value }) => codec.decode('signal', value))
      )
      const incidents = await Promise.all(
        bus.read('weir.incidents.v1').map(({ value }) => codec.decode('incident', value))
      )
      const latest = new Map<string, Signal>(signals.map((signal) => [signal.id, signal]))
      const open = new Map<string, Incident>(incidents.map((incident) => [incident.id, incident]))
      return {
        alerts: [...latest.values()].filter(({ role }) => role === 'alert'),
        incidents: [...open.values()].filter(({ status }) => status === 'open')
      }
    },

    /** The changelog as compaction leaves it. */
    async changelog(bus: Bus): Promise<readonly CorrelatorState[]> {
      const latest = new Map<string, CorrelatorState | null>()
      for (const { key, value } of bus.read('weir.state.v1')) {
        latest.set(String(key), value === null ? null : await codec.decode('correlator-state', value))
      }
      return [...latest.values()].flatMap((entry) => entry ?? [])
    }
  }
}
