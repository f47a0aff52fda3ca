/** Work that takes long, one after the other, beside what must not wait for it. */
export interface Beside {
  /** @param work must not reject @returns false when too many wait already: then it is not done */
  start(work: () => Promise<void>): boolean
  /** Resolves when all that was started has ended. */
  settled(): Promise<void>
}

/** @param max how many may wait or be done at a time */
export function createBeside(max: number): Beside {
  let last: Promise<void> = Promise.resolve()
  let pending = 0
  return {
    start(work) {
      if (pending >= max) return false
      pending += 1
      last = last.then(work).finally(() => {
        pending -= 1
      })
      return true
    },
    settled: () => last
  }
}
