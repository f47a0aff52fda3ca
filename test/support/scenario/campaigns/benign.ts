import { activity, type World } from '../api.ts'
import type { Activity } from './benign-day.ts'
import { backup, build, knock, misconfigured, operate, report, sdk } from './benign-machines.ts'
import { debug, drain, execOnce, forward, grant, install, look, notebook, rollout } from './benign-people.ts'
import type { Town } from './town.ts'

const ACTIVITIES: ReadonlyArray<readonly [name: string, weight: number, Activity]> = [
  ['look', 20, look],
  ['debug', 12, debug],
  ['exec-once', 8, execOnce],
  ['port-forward', 4, forward],
  ['rollout', 8, rollout],
  ['build', 10, build],
  ['report', 8, report],
  ['operate', 12, operate],
  ['backup', 2, backup],
  ['install', 2, install],
  ['grant', 1, grant],
  ['notebook', 4, notebook],
  ['sdk', 12, sdk],
  ['misconfigured', 3, misconfigured],
  ['knock', 6, knock],
  ['drain', 1, drain]
]
const TOTAL = ACTIVITIES.reduce((sum, [, weight]) => sum + weight, 0)

/**
 * Plays one activity, drawn by how common it is.
 * @param place its number, which makes it differ from others
 */
export function playBenign(world: World, town: Town, place: number, at_us: number): void {
  let drawn = world.random.next() * TOTAL
  for (const [name, weight, play] of ACTIVITIES) {
    drawn -= weight
    if (drawn >= 0) continue
    const own = activity(world, { kind: 'benign', activity: `${name}/${place}` }, `benign/${place}`)
    play({ world: own, town, random: own.random }, at_us)
    return
  }
}
