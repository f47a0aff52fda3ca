/**
 * A member of a consumer group in a process of its own, for tests that kill or freeze it. Told by its environment, it passes
 * each message on with the count of messages of its key so far, and keeps the counts in a changelog.
 * Prints a line for each thing that happens.
 */
import { createKafka } from '../../services/platform/kafka/client.ts'
import { runStage } from '../../services/platform/kafka/stage-runner.ts'
import { silentLogger } from '../../services/platform/log.ts'
import { type CountingTopics, countingStage } from './counting-stage.ts'

interface Task {
  readonly options: Parameters<typeof createKafka>[0]
  readonly topics: CountingTopics
  readonly transactional: boolean
  readonly delay_ms: number
}

const { options, topics, transactional, delay_ms } = JSON.parse(process.env.TASK ?? '{}') as Task
const say = (line: string) => process.stdout.write(`${line}\n`)

const stage = countingStage(topics, { transactional, delay_ms, say })
const running = runStage(stage, createKafka(options, silentLogger), { log: silentLogger, version: 'test' })
running.failed.catch((error: Error) => {
  say(`failed ${error.message}`)
  process.exit(1)
})
process.on('SIGTERM', () => {
  running.stop().then(
    () => process.exit(0),
    () => process.exit(2)
  )
})
await running.joined
say('joined')
