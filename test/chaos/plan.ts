import type { Random } from '../support/scenario/random.ts'

/**
 * What is done to the correlators and their broker. kill: one instance, without warning; stall: one instance stands still for longer
 * than its session lasts, and then goes on, believing that it still owns its partitions; join and leave: instances come and go.
 */
export const DISTURBANCES = ['kill', 'stall', 'join', 'leave', 'broker_kill', 'broker_restart'] as const
export type Disturbance = (typeof DISTURBANCES)[number]

export interface Step {
  readonly kind: Disturbance
  /** After how much of the signals have been sent, 0 to 1. */
  readonly at: number
  /** Which instance, as a share of those there are. */
  readonly which: number
  /** How long it stands still, or stays away, milliseconds. */
  readonly lasts_ms: number
}

export interface Plan {
  /** Instances at the start. */
  readonly instances: number
  readonly steps: readonly Step[]
  /** Messages that a stage gets at a time, at most: with few, there are many transactions to break. */
  readonly handle_max_messages: number
  /** Whether instances read each other's state ahead. */
  readonly standby: boolean
}

/** @param session_timeout_ms silence after which the group gives a member's partitions to others */
export function planOf(random: Random, session_timeout_ms: number): Plan {
  const count = random.integer(3, 5)
  const steps: Step[] = []
  for (let number = 0; number < count; number += 1) {
    const usual = random.pick<Disturbance>(['kill', 'kill', 'stall', 'join', 'leave'])
    // The broker goes away at most once a run: it takes seconds to come back.
    const kind =
      number === 0 && random.next() < 0.6 ? random.pick<Disturbance>(['broker_kill', 'broker_restart']) : usual
    steps.push({
      kind,
      at: random.next() * 0.9,
      which: random.next(),
      lasts_ms: kind === 'stall' ? session_timeout_ms + random.integer(-500, 2_000) : random.integer(0, 800)
    })
  }
  return {
    instances: random.integer(1, 3),
    steps: steps.toSorted((a, b) => a.at - b.at),
    handle_max_messages: random.pick([1, 3, 10, 50]),
    standby: random.next() < 0.7
  }
}
