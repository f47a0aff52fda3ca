import type { EnrichedEvent, Process } from '../../../../schemas/generated/types.ts'
import { programOf } from './request.ts'

/** Facts of a runtime event's process. */
export interface ProcessFact {
  /** Name of the executable without folders, in lower case; the short name where the path is not known. */
  readonly program: string | null
  readonly parent: string | null
  /** Programs of all known ancestors, the parent first. */
  readonly ancestors: readonly string[]
}

/** Executables that are many programs and go by the name they are called, or by their first argument. */
const MULTI_CALL: ReadonlySet<string> = new Set(['busybox', 'toybox', 'coreutils'])
const APPLET = /^[a-z0-9[][a-z0-9_.[-]{0,31}$/

/** What is called of a multi-call executable: by name where that is not its own, else by the first argument. */
function appletOf(called: string | null | undefined, argument: string | undefined): string | null {
  if (called == null || called === '') return null
  const name = programOf(called)
  if (!MULTI_CALL.has(name)) return name || null
  return argument !== undefined && APPLET.test(argument) ? argument : null
}

function programOfProcess(process: Pick<Process, 'executable' | 'name' | 'command_line'>, args: readonly string[]) {
  const text = process.executable || process.name
  if (text === null || text === '') return null
  // The kernel puts this behind the path of a file that is gone.
  const program = programOf(text.replace(/ \(deleted\)$/, ''))
  if (program === '' || !MULTI_CALL.has(program)) return program || null
  const words = (process.command_line ?? '').split(' ', 2)
  return appletOf(args[0], args[1]) ?? appletOf(words[0], words[1]) ?? appletOf(process.name, undefined) ?? program
}

/**
 * @returns programs of the process and its ancestors. A shell or tool that is an applet of busybox goes by the applet's name:
 * `wget` for /bin/busybox called as wget or with wget as first argument.
 */
export function processFacts({ runtime }: EnrichedEvent): ProcessFact | null {
  const process = runtime?.process
  if (process == null) return null
  const ancestors = process.ancestors.map((ancestor) => programOfProcess(ancestor, []))
  return {
    program: programOfProcess(process, process.args),
    parent: ancestors[0] ?? null,
    ancestors: ancestors.filter((name) => name !== null)
  }
}

/** Age of the pod when the event happened, in whole seconds; null when its creation is not known. */
export function podAgeSeconds({ pod, time }: EnrichedEvent): number | null {
  return pod?.created == null ? null : Math.max(0, Math.floor((time - pod.created) / 1_000_000))
}
