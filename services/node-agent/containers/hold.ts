import { LRUCache } from 'lru-cache'
import type { RuntimeEvent } from '../../../schemas/generated/types.ts'
import {
  attributed,
  lackOf,
  type RuntimeContainer,
  type UnattributedReason,
  unattributed
} from '../../core/enrich/attribution.ts'
import { attributions } from './metrics.ts'
import type { AttributionOptions } from './options.ts'
import type { RuntimeState } from './runtime.ts'

const GIVEN_UP_MAX = 10_000

export interface HoldPorts {
  readonly options: Pick<
    AttributionOptions,
    'hold_ms' | 'hold_max_events' | 'hold_max_events_per_container' | 'give_up_ms'
  >
  readonly find: (id: string) => RuntimeContainer | null
  /** Whether there is a runtime to wait for. */
  readonly state: () => RuntimeState
  readonly now_ms: () => number
}

/** Decides what becomes of events whose container the sensor knew by its id alone. */
export interface Hold {
  /**
   * For events that were not taken one by one: their container, null when it is not known now.
   * @param events how many they are
   */
  known(id: string, events: number): RuntimeContainer | null
  /**
   * @param since since when the event has been waiting, milliseconds; null when it is new
   * @param may_wait false when there is nowhere to wait
   * @returns the event as it may leave, or since when it waits
   */
  take(event: RuntimeEvent, since: number | null, may_wait: boolean): RuntimeEvent | { readonly waits: number }
}

export function createHold({ options, find, state, now_ms }: HoldPorts): Hold {
  const waiting = new Map<string, number>()
  let total = 0
  const givenUp = new LRUCache<string, true>({
    max: GIVEN_UP_MAX,
    ...(options.give_up_ms > 0 && { ttl: options.give_up_ms })
  })

  function change(id: string, by: 1 | -1): void {
    const count = Math.max(0, (waiting.get(id) ?? 0) + by)
    if (count === 0) waiting.delete(id)
    else waiting.set(id, count)
    total = Math.max(0, total + by)
  }

  function leave(event: RuntimeEvent, reason: UnattributedReason): RuntimeEvent {
    attributions.inc({ result: reason })
    return unattributed(event, reason)
  }

  return {
    known: (id, events) => {
      const container = find(id)
      if (container === null) return null
      attributions.inc({ result: 'known' }, events)
      givenUp.delete(id)
      return container
    },
    take: (event, since, may_wait) => {
      const id = event.container?.id ?? ''
      if (since !== null) change(id, -1)
      const lack = lackOf(event)
      if (lack === 'complete') return event
      const known = find(id)
      if (known !== null) {
        attributions.inc({ result: 'known' })
        givenUp.delete(id)
        return attributed(event, known)
      }
      if (lack === 'details') return event
      const now = now_ms()
      const began = since ?? now
      const reason = state() === 'answers' ? 'unknown container' : 'no runtime'
      if (givenUp.has(id) || state() === 'none') return leave(event, reason)
      // The clock may have been set, back too: nothing waits for it to be what it was.
      if (Math.abs(now - began) >= options.hold_ms) {
        if (options.give_up_ms > 0) givenUp.set(id, true)
        return leave(event, reason)
      }
      const full =
        total >= options.hold_max_events || (waiting.get(id) ?? 0) >= options.hold_max_events_per_container || !may_wait
      if (full) return leave(event, 'too many waiting')
      if (since === null) attributions.inc({ result: 'waits' })
      change(id, 1)
      return { waits: began }
    }
  }
}
