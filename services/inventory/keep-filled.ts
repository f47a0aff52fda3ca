import { randomUUID } from 'node:crypto'
import { messageOf } from '../core/errors.ts'
import type { FactsStore } from '../platform/facts-store.ts'
import type { Running } from '../platform/lifecycle.ts'
import type { Logger } from '../platform/log.ts'
import type { Stage } from '../platform/stage.ts'
import { createFactsStage, type InventoryPorts } from './stages.ts'

export interface KeepFilledOptions {
  readonly check_interval_ms: number
  /** Runs a stage of this process. */
  readonly run: (stage: Stage) => Running
  readonly log: Logger
}

/**
 * Keeps the facts store equal to weir.inventory.v1: fills it from the topic's start, follows the topic, and fills it again when
 * it has lost its content (a restarted or wiped Redis). Each filling is a consumer group of its own, since that is how a
 * consumer begins at the beginning; brokers forget groups that are left.
 */
export function keepFilled(
  store: FactsStore,
  ports: InventoryPorts,
  { check_interval_ms, run, log }: KeepFilledOptions
): Running {
  const { promise: failed, reject } = Promise.withResolvers<never>()
  failed.catch(() => {})
  let stopped = false
  let current: Running | null = null
  let checking = Promise.resolve()

  function fill(): void {
    current = run(createFactsStage(`inventory-facts.${randomUUID()}`, store, ports))
    current.failed?.catch(reject)
  }

  async function check(): Promise<void> {
    try {
      if (stopped || (await store.isFilled())) return
      log.warn('the facts store has lost its content; filling it again from weir.inventory.v1')
      await current?.stop()
      if (stopped) return
      await store.markFilled()
      fill()
    } catch (error) {
      // Redis is away: the stage says so itself, and the next check looks again.
      log.debug({ error }, `could not check the facts store: ${messageOf(error)}`)
    }
  }

  checking = store
    .markFilled()
    .catch((error: unknown) => log.warn(`the facts store does not answer yet: ${messageOf(error)}`))
    .then(() => {
      if (!stopped) fill()
    })
  const timer = setInterval(() => {
    checking = checking.then(check)
  }, check_interval_ms)

  return {
    failed,
    stop: async () => {
      stopped = true
      clearInterval(timer)
      await checking
      await current?.stop()
      await store.close()
    }
  }
}
