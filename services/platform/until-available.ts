import { WeirError } from '../core/errors.ts'
import type { HandleContext } from './stage.ts'

const FIRST_WAIT_MS = 50
const LONGEST_WAIT_MS = 2_000

/**
 * Tries again for as long as what fails says that trying again can help: a server that is away holds its stage back, Kafka keeps
 * the input meanwhile, and nothing leaves half done.
 * @param onRetry told of each failure
 * @returns what `work` gives in the end
 * @throws what `work` throws when a retry cannot help, or when the partition was lost meanwhile
 */
export async function untilAvailable<Value>(
  work: () => Promise<Value>,
  { signal, heartbeat }: HandleContext,
  onRetry: (error: WeirError, attempt: number) => void
): Promise<Value> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof WeirError) || !error.retriable || signal.aborted) throw error
      onRetry(error, attempt)
      await new Promise((resolve) =>
        setTimeout(resolve, Math.min(FIRST_WAIT_MS * 2 ** Math.min(attempt, 10), LONGEST_WAIT_MS))
      )
      await heartbeat()
    }
  }
}
