import type { World } from '../api.ts'
import { MINUTE_US } from '../timeline.ts'
import { START_US } from './cluster.ts'

export const LENGTH_US = 25.5 * MINUTE_US

/** Calls `action` every `period_us` from the start to the end of the recording, a little off the beat. */
export function every(world: World, period_us: number, action: (at_us: number, round: number) => void): void {
  let round = 0
  for (let at_us = START_US + world.random.integer(0, period_us); at_us < START_US + LENGTH_US; at_us += period_us) {
    action(at_us + world.random.integer(0, 40_000), round++)
  }
}
