import { Command, InvalidArgumentError } from 'commander'
import { createKafka, type KafkaClient } from '../../platform/kafka/client.ts'
import { listDeadLetters, replayDeadLetters, showDeadLetter } from '../../platform/kafka/dead-letters.ts'
import { silentLogger } from '../../platform/log.ts'
import { DEAD_LETTER_SUFFIX, loadTopics } from '../../platform/topics.ts'
import { loadWeirSettings, type SettingsOptions, withSettings } from '../settings.ts'
import { print, styleFor } from '../terminal.ts'

interface Options extends SettingsOptions {
  readonly topic?: string
  readonly code?: string
  readonly limit: number
  readonly json?: boolean
}

interface Place {
  readonly topic: string
  readonly partition: number
  readonly offset: string
}

const connect = (options: SettingsOptions): KafkaClient => createKafka(loadWeirSettings(options).kafka, silentLogger)

/** Dead-letter topics: the one of `--topic`, given with or without its ending, or all. */
function topicsOf({ topic }: Options): string[] {
  if (topic !== undefined) return [topic.endsWith(DEAD_LETTER_SUFFIX) ? topic : `${topic}${DEAD_LETTER_SUFFIX}`]
  return loadTopics().flatMap(({ name, dead_letters_of }) => (dead_letters_of === null ? [] : [name]))
}

function count(text: string): number {
  const number = Number(text)
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError('a whole number from 1 is needed')
  return number
}

function placeOf(text: string): Place {
  const match = /^(.+)\/(\d+)\/(\d+)$/.exec(text)
  if (match === null) throw new InvalidArgumentError('a place is TOPIC/PARTITION/OFFSET, as `weir dlq list` prints it')
  const [, topic = '', partition = '', offset = ''] = match
  return { topic, partition: Number(partition), offset }
}

const filtered = (command: Command, limit: number) =>
  withSettings(command)
    .option('--topic <name>', 'only of this topic, with or without .dlq')
    .option('--code <code>', 'only with this error code, see docs/errors.md')
    .option('--limit <n>', 'at most so many', count, limit)

export function dlqCommand(): Command {
  const list = filtered(new Command('list'), 50)
    .summary('list dead letters, the newest last')
    .option('--json', 'print JSON, an object a line')
    .action(async (options: Options) => {
      const style = styleFor(process.stdout)
      const letters = await listDeadLetters(connect(options), {
        topics: topicsOf(options),
        code: options.code,
        limit: options.limit
      })
      for (const letter of letters) {
        if (options.json === true) await print(`${JSON.stringify(letter)}\n`)
        else {
          const place = `${letter.topic}/${letter.partition}/${letter.offset}`
          const replayed = letter.replayed ? style('dim', ' (replayed)') : ''
          await print(`${letter.failed_at}  ${place}  ${style('yellow', letter.code)}  ${letter.message}${replayed}\n`)
        }
      }
      if (letters.length === 0 && options.json !== true) await print('no dead letters\n')
    })
  const show = withSettings(new Command('show'))
    .summary('show one dead letter whole')
    .argument('<place>', 'TOPIC/PARTITION/OFFSET', placeOf)
    .option('--raw', 'write nothing but the original bytes to standard output')
    .action(async (place: Place, options: SettingsOptions & { readonly raw?: boolean }) => {
      const { key, value, ...letter } = await showDeadLetter(connect(options), place)
      if (options.raw === true) process.stdout.write(value ?? '')
      else {
        const bytes = (buffer: Buffer | null) => (buffer === null ? null : buffer.toString('base64'))
        await print(`${JSON.stringify({ ...letter, key_base64: bytes(key), value_base64: bytes(value) }, null, 2)}\n`)
      }
    })
  const replay = filtered(new Command('replay'), 1_000)
    .summary('put dead letters back on their topic, each once')
    .action(async (options: Options) => {
      const result = await replayDeadLetters(connect(options), {
        topics: topicsOf(options),
        code: options.code,
        limit: options.limit
      })
      await print(
        `${result.replayed} replayed, ${result.already_replayed} had been before, ${result.without_value} have nothing to be replayed
`
      )
      if (result.not_messages > 0) {
        await print(
          `${result.not_messages} never were messages but input that could not be read: \`weir dlq show PLACE --raw\` gives it, mended it can be posted to the collector's /audit
`
        )
      }
    })
  return new Command('dlq')
    .summary('dead letters: what could not be used, and why')
    .description(
      'Messages and events that could not be used are kept with their original bytes, an error code and a reason.'
    )
    .addCommand(list)
    .addCommand(show)
    .addCommand(replay)
    .addHelpText(
      'after',
      '\nExamples:\n  weir dlq list --code CODEC_UNKNOWN_SCHEMA_ID\n  weir dlq show weir.audit.v1.dlq/0/17\n  weir dlq replay --topic weir.audit.v1'
    )
}
