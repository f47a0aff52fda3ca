import type { RuntimeContainer } from '../../core/enrich/attribution.ts'

/** Engines shorten ids, to 12 characters at least. */
const PREFIX_CHARACTERS = 12

/** Containers of this node, those that are gone too for as long as there is room: their events may come late. */
export interface ContainerTable {
  /** @param id all of it, or its first 12 characters or more */
  find(id: string): RuntimeContainer | null
  put(container: RuntimeContainer): void
  /** @returns the container, if it was there */
  end(id: string): RuntimeContainer | null
  /** Those the runtime has now. */
  present(): Iterable<RuntimeContainer>
  sizes(): { readonly present: number; readonly gone: number }
}

/** @param gone_max how many containers that are gone are remembered, the latest of them */
export function createContainerTable(gone_max: number): ContainerTable {
  const present = new Map<string, RuntimeContainer>()
  const gone = new Map<string, RuntimeContainer>()
  const byPrefix = new Map<string, Set<string>>()
  const prefixOf = (id: string) => id.slice(0, PREFIX_CHARACTERS)

  function forget(id: string): void {
    gone.delete(id)
    const ids = byPrefix.get(prefixOf(id))
    ids?.delete(id)
    if (ids?.size === 0) byPrefix.delete(prefixOf(id))
  }

  return {
    find: (id) => {
      if (id.length < PREFIX_CHARACTERS) return null
      const found = [...(byPrefix.get(prefixOf(id)) ?? [])].find((candidate) => candidate.startsWith(id))
      return found === undefined ? null : (present.get(found) ?? gone.get(found) ?? null)
    },
    put: (container) => {
      const { id } = container
      gone.delete(id)
      present.set(id, container)
      byPrefix.set(prefixOf(id), (byPrefix.get(prefixOf(id)) ?? new Set()).add(id))
    },
    end: (id) => {
      const container = present.get(id)
      if (container === undefined) return null
      present.delete(id)
      gone.set(id, container)
      for (const oldest of gone.keys()) {
        if (gone.size <= gone_max) break
        forget(oldest)
      }
      return container
    },
    present: () => present.values(),
    sizes: () => ({ present: present.size, gone: gone.size })
  }
}
