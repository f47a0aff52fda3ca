import type { EnrichedEvent } from '../../../schemas/generated/types.ts'
import { auditEvent, runtimeEvent } from '../enriched-event.ts'
import { createRandom, type Random } from '../scenario/random.ts'
import { FOLDERS, generatedRules, RESOURCES, rareWord, TOOLS, VERBS } from './generated-rules.ts'

/** Texts that the first generated rules look for, by field: a few events have them, so that there are matches in every set. */
const WANTED = new Map<string, string[]>()
for (const { identifiers } of generatedRules(24)) {
  for (const [key, value] of Object.entries(identifiers.selection ?? {})) {
    const field = key.split('|')[0] ?? ''
    const texts = [value].flat().filter((text) => typeof text === 'string' && !text.includes('\\'))
    WANTED.set(field, [...(WANTED.get(field) ?? []), ...texts.map(String)])
  }
}

/** One time in ten what some rule looks for, otherwise something else. */
function sometimes(random: Random, field: string, otherwise: string): string {
  const texts = WANTED.get(field)
  return texts !== undefined && random.next() < 0.1 ? random.pick(texts) : otherwise
}

const argument = (random: Random): string =>
  random.pick([
    `--output=/var/lib/${random.suffix(8)}`,
    `-c ${random.suffix(12)}`,
    `https://${random.suffix(6)}.example.org/v1/${random.hex(16)}`,
    `--label app=${random.suffix(5)}`,
    `${random.integer(1, 65535)}`,
    `/srv/data/${random.hex(8)}.json`,
    // Some rules have the same word: a rule that never matches would be compared with nothing.
    rareWord(random)
  ])

function processOf(random: Random) {
  const executable = `${random.pick(FOLDERS)}/${random.next() < 0.5 ? random.pick(TOOLS) : random.suffix(6)}`
  const words = Array.from({ length: random.integer(1, 6) }, () =>
    sometimes(random, 'process.command_line', argument(random))
  )
  const line = [executable, ...words, ''].join(' ')
  return { executable, command_line: line, working_directory: `/srv/${random.suffix(6)}`, parents: ['/bin/sh -c run'] }
}

const address = (random: Random): string =>
  sometimes(random, 'network.destination_ip', '').split('/')[0] ||
  `${random.integer(10, 200)}.${random.integer(0, 255)}.${random.integer(0, 255)}.${random.integer(1, 254)}`

/** Kinds of events, as often as they stand here: sensors see more files and connections than processes. */
const KINDS: readonly ((random: Random) => EnrichedEvent)[] = [
  (random) => runtimeEvent({ process: processOf(random) }),
  (random) => runtimeEvent({ process: processOf(random) }),
  (random) =>
    runtimeEvent({
      process: processOf(random),
      file: {
        path: `${sometimes(random, 'file.path', random.pick(['/etc/', '/srv/']))}${random.suffix(7)}${random.pick(['/app.conf', '/key', ''])}`
      }
    }),
  (random) =>
    runtimeEvent({
      process: processOf(random),
      network: { destination_ip: address(random), destination_port: random.integer(1, 65535) }
    }),
  (random) =>
    auditEvent({
      verb: random.pick(VERBS),
      objectRef: { resource: random.pick(RESOURCES), namespace: random.suffix(6), name: random.suffix(9) },
      user: {
        username: `${sometimes(random, 'user.username', `system:serviceaccount:${random.suffix(7)}:`)}${random.suffix(5)}`,
        groups: ['system:authenticated']
      },
      userAgent: `${sometimes(random, 'userAgent', random.pick(TOOLS))}/v1.${random.integer(20, 34)}.0 (linux/amd64) ${random.hex(7)}`,
      requestObject: {
        spec: {
          containers: [
            {
              name: 'app',
              image: `registry.example.org${sometimes(random, 'requestObject.spec.containers.image', `/${random.suffix(5)}:`)}1.0`
            }
          ]
        }
      }
    })
]

/** Events of mixed kinds, the same for the same number. */
export function generatedEvents(count: number): readonly EnrichedEvent[] {
  const random = createRandom('events')
  return Array.from({ length: count }, (_, index) => {
    const kind = KINDS[index % KINDS.length]
    if (kind === undefined) throw new RangeError('there are no kinds of events')
    return kind(random.fork(String(index)))
  })
}
