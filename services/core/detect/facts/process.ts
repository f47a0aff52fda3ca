import type { EnrichedEvent } from '../../../../schemas/generated/types.ts'
import { programOf } from './request.ts'

/** Facts of a runtime event's process. */
export interface ProcessFact {
  /** Name of the executable without folders, in lower case; the short name where the path is not known. */
  readonly program: string | null
  readonly parent: string | null
  /** Programs of all known ancestors, the parent first. */
  readonly ancestors: readonly string[]
}

const nameOf = (process: { readonly executable: string | null; readonly name: string | null }): string | null => {
  const text = process.executable ?? process.name
  return text === null || text === '' ? null : programOf(text)
}

export function processFacts({ runtime }: EnrichedEvent): ProcessFact | null {
  const process = runtime?.process
  if (process == null) return null
  const ancestors = process.ancestors.map(nameOf)
  return {
    program: nameOf(process),
    parent: ancestors[0] ?? null,
    ancestors: ancestors.filter((name) => name !== null)
  }
}

/** Age of the pod when the event happened, in whole seconds; null when its creation is not known. */
export function podAgeSeconds({ pod, time }: EnrichedEvent): number | null {
  return pod?.created == null ? null : Math.max(0, Math.floor((time - pod.created) / 1_000_000))
}
