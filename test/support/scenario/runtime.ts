import type { World } from './api.ts'
import type { Pod } from './cluster-model.ts'
import type { Process, Program } from './processes.ts'
import { type Ending, tetragonConnect, tetragonExec, tetragonExit, tetragonFile } from './tetragon.ts'

/** What processes do, as a scenario tells it; each emits the records a sensor would write. */

/** How long a program ran when the scenario does not say: some milliseconds. */
function shortRun_us(world: World): number {
  return world.random.integer(1_500, 9_000)
}

function emitted(world: World, process: Process): Process {
  world.recorder.emit('tetragon', process.start_us, process.nanos, tetragonExec(process))
  return process
}

/** A process starts a program. */
export function start(world: World, parent: Process, at_us: number, program: Program): Process {
  return emitted(world, world.processes.child(parent, program, at_us))
}

/** The first process of a pod that is created during the recording starts; those of older pods are just there. */
export function startFirst(world: World, pod: Pod): Process {
  return emitted(world, world.processes.first(pod))
}

/** An exec session or probe starts a program in a pod. */
export function startExeced(world: World, pod: Pod, at_us: number, program: Program): Process {
  return emitted(world, world.processes.execed(pod, program, at_us))
}

/** A process ends. */
export function end(world: World, process: Process, at_us: number, ending: Ending = {}): void {
  const nanos = world.random.integer(0, 999)
  world.recorder.emit('tetragon', at_us, nanos, tetragonExit(process, at_us, nanos, ending))
}

export interface Run extends Program, Ending {
  /** How long it runs, microseconds; some milliseconds when left out. */
  readonly lasts_us?: number
}

/** A process starts a program that ends again. */
export function run(world: World, parent: Process, at_us: number, program: Run): Process {
  const process = start(world, parent, at_us, program)
  end(world, process, at_us + (program.lasts_us ?? shortRun_us(world)), program)
  return process
}

/** A process opens a TCP connection. */
export function connect(world: World, process: Process, at_us: number, ip: string, port: number): void {
  const { random } = world
  const nanos = random.integer(0, 999)
  const connection = {
    source_ip: process.pod?.ip ?? process.node.ip,
    source_port: random.integer(32_768, 60_999),
    destination_ip: ip,
    destination_port: port,
    cookie: `18446${random.integer(600_000_000_000_000, 699_999_999_999_999)}`
  }
  world.recorder.emit('tetragon', at_us, nanos, tetragonConnect(process, at_us, nanos, connection))
}

/** A process reads a watched file. */
export function read(world: World, process: Process, at_us: number, path: string, permission = '-rw-r--r--'): void {
  const nanos = world.random.integer(0, 999)
  const file = { path, permission, access: 'read' as const }
  world.recorder.emit('tetragon', at_us, nanos, tetragonFile(process, at_us, nanos, file))
}

/** A process writes a watched file. */
export function write(world: World, process: Process, at_us: number, path: string, permission = '-rw-r--r--'): void {
  const nanos = world.random.integer(0, 999)
  const file = { path, permission, access: 'write' as const }
  world.recorder.emit('tetragon', at_us, nanos, tetragonFile(process, at_us, nanos, file))
}

/** The path at which the kernel sees a read of the pod's token: symbolic links are resolved by then. */
export function tokenPath(pod: Pod): string {
  return `/run/secrets/kubernetes.io/serviceaccount/${pod.tokenDirectory}/token`
}
