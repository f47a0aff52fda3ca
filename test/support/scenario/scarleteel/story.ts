import { activity, type World } from '../api.ts'
import { podOf } from '../cluster.ts'
import type { Pod } from '../cluster-model.ts'
import type { Process, Program } from '../processes.ts'
import { offset_us, SECOND_US } from '../timeline.ts'
import { START_US } from './cluster.ts'

/** Nothing happens on the full second: everything lies this far behind it, and a little more that differs from second to second. */
const BEHIND_US = 318_204
const SPREAD_US = 80_000

/** A moment of the story, such as `3:07`, in microseconds since the epoch. Moments of the same second keep their distances. */
export function at(text: string): number {
  const exact_us = offset_us(text)
  const spread_us = Math.imul(Math.floor(exact_us / SECOND_US), 2_654_435_761) >>> 0
  return START_US + exact_us + BEHIND_US + (spread_us % SPREAD_US)
}

/** The world for a step of the attack, numbered as in the README's table. */
export function attackStep(world: World, step: number, name: string): World {
  return activity(world, { kind: 'attack', step, consequence: false }, `attack/${name}`)
}

/** The world for what the cluster does because of a step. */
export function consequenceOf(world: World, step: number, name: string): World {
  return activity(world, { kind: 'attack', step, consequence: true }, `consequence/${name}`)
}

export function benign(world: World, name: string): World {
  return activity(world, { kind: 'benign', activity: name }, `benign/${name}`)
}

/** The pods the story is about. */
export interface Cast {
  readonly notebook: Pod
  readonly research: Pod
  readonly cart: Pod
}

export function castOf(world: World): Cast {
  const { cluster } = world
  return {
    notebook: podOf(cluster, 'data-science', 'notebook'),
    research: podOf(cluster, 'data-science', 'notebook-research'),
    cart: podOf(cluster, 'shop', 'cart')
  }
}

/** A process that runs since before the recording: it is known as a parent, its start is not in the records. */
export function running(world: World, parent: Process, program: Program): Process {
  return world.processes.child(parent, program, parent.start_us + 400_000)
}

/** The JupyterLab server of a notebook pod: tini starts start.sh, which becomes the server. */
export function jupyterLab(world: World, pod: Pod): Process {
  const start = running(world, world.processes.first(pod), {
    binary: '/usr/local/bin/start.sh',
    args: ['/usr/local/bin/start.sh', 'start-notebook.py', '--allow-root']
  })
  return running(world, start, {
    binary: '/opt/conda/bin/jupyter-lab',
    args: ['/opt/conda/bin/jupyter-lab', '--no-browser', '--ip=0.0.0.0', '--allow-root', '--IdentityProvider.token='],
    replaces: true
  })
}
