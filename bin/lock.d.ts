/** Who holds a lock; `started` tells a process from a later one with the same pid. */
export interface Owner {
  readonly pid: number
  readonly started: string
  readonly host: string
}
export function tryLock(path: string): { release: () => void } | { owner: Owner }
export function lock(
  path: string,
  options?: { onWait?: (owner: Owner) => void; signal?: AbortSignal }
): Promise<() => void>
