import type { Ancestor, EnrichedEvent, Process, RuntimeEvent } from '../../../../schemas/generated/types.ts'
import { programOf } from './request.ts'

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
 * Name of a process's program without folders, in lower case; the short name where the path is not known. A shell or tool that is an
 * applet of busybox goes by the applet's name: `wget` for /bin/busybox called as wget or with wget as first argument.
 */
export function programNameOf(process: Process | Ancestor | null): string | null {
  return process === null ? null : programOfProcess(process, 'args' in process ? process.args : [])
}

/** The same of all ancestors that are known, the parent first. */
export function ancestorsOf(runtime: RuntimeEvent | null): readonly string[] {
  const programs = (runtime?.process?.ancestors ?? []).map(programNameOf)
  return programs.filter((name) => name !== null)
}

/** Age of the pod when the event happened, in whole seconds; null when its creation is not known. */
export function podAgeSeconds({ pod, time }: EnrichedEvent): number | null {
  return pod?.created == null ? null : Math.max(0, Math.floor((time - pod.created) / 1_000_000))
}
