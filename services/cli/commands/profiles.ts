import { Command, InvalidArgumentError } from 'commander'
import { createCodec } from '../../core/avro/codec.ts'
import { PROFILE_SCOPES } from '../../core/detect/profile-document.ts'
import { nearest } from '../../core/detect/suggest.ts'
import { WeirError } from '../../core/errors.ts'
import { learntLines, learntOf } from '../../core/profiles/learnt.ts'
import type { ProfileRule } from '../../core/profiles/profile-rule.ts'
import { createKafka } from '../../platform/kafka/client.ts'
import { latestValues } from '../../platform/kafka/latest-values.ts'
import { silentLogger } from '../../platform/log.ts'
import { createRegistry } from '../../platform/registry/client.ts'
import { registrySchemas } from '../../platform/registry/registry.ts'
import { loadTopics, withPartitions } from '../../platform/topics.ts'
import { loadRules } from '../rules.ts'
import { loadWeirSettings, type SettingsOptions, withSettings } from '../settings.ts'
import { print } from '../terminal.ts'
import { PROFILE_ERRORS } from './errors.ts'

const STATE = 'weir.state.v1'

interface Options extends SettingsOptions {
  readonly cluster?: string
  readonly profile?: string
  readonly scope?: string
  readonly values: number
  readonly json?: boolean
}

function wholeNumber(text: string): number {
  const number = Number(text)
  if (!Number.isInteger(number) || number < 0) throw new InvalidArgumentError('a whole number from 0 is needed')
  return number
}

/** Profiles that are asked for. @throws WeirError PROFILE_UNKNOWN */
function chosen(profiles: readonly ProfileRule[], wanted: string | undefined): ReadonlySet<string> | null {
  if (wanted === undefined) return null
  const found = profiles.filter(
    ({ id, document }) => id === wanted || document.name === wanted || document.weir.code === wanted
  )
  if (found.length > 0) return new Set(found.map(({ id }) => id))
  const names = profiles.flatMap(({ document }) => document.name ?? [])
  const close = nearest(wanted, names)
  const hint = close === null ? `there are ${names.join(', ')}` : `did you mean ${close}?`
  throw new WeirError(PROFILE_ERRORS, 'PROFILE_UNKNOWN', `there is no profile ${wanted}: ${hint}`)
}

async function show(options: Options): Promise<void> {
  const settings = loadWeirSettings(options)
  const { profiles } = await loadRules(
    { folders: settings.enricher.rules, builtin: settings.enricher.builtin_rules },
    (message) => console.error(message)
  )
  const ids = chosen(profiles, options.profile)
  const topics = withPartitions(loadTopics(), settings.kafka.partitions)
  const codec = createCodec(await registrySchemas(createRegistry(settings.registry), topics, settings.registry))
  // Keys are cluster/profile/RULE/…; a cluster's id may hold anything but is never followed by another kind.
  const isWanted = (key: string): boolean => {
    const at = key.indexOf('/profile/')
    if (at < 0 || (options.cluster !== undefined && !key.slice(0, at).startsWith(options.cluster))) return false
    return ids === null || ids.has(key.slice(at + '/profile/'.length).split('/')[0] ?? '')
  }
  const found = await latestValues(createKafka(settings.kafka, silentLogger), STATE, isWanted)
  const entries = await Promise.all([...found.values()].map((value) => codec.decode('correlator-state', value)))
  const learnt = learntOf(entries, new Map(profiles.map((rule) => [rule.id, rule]))).filter(
    ({ scope, name }) => options.scope === undefined || scope === options.scope || name.includes(options.scope)
  )
  for (const one of learnt) {
    if (options.json === true) await print(`${JSON.stringify(one)}\n`)
    else await print(`${learntLines(one, options.values).join('\n')}\n`)
  }
  if (learnt.length === 0 && options.json !== true)
    await print('nothing learnt that fits: profiles learn when the correlator runs and events come\n')
}

export function profilesCommand(): Command {
  return withSettings(new Command('profiles'))
    .summary('show what profiles have learnt')
    .description(
      'Shows what is usual for identities, namespaces and clusters: the values that new ones are told from, and the habits that counts\n' +
        `are judged by. Reads the state of the correlator (${STATE}) as it was last written; changes nothing.`
    )
    .option('--cluster <id>', 'only of this cluster; the start of its id is enough')
    .option('--profile <name>', 'only of this profile: its name, id or code, see `weir rules list`')
    .option('--scope <text>', `only of a scope (${PROFILE_SCOPES.join(', ')}), or of whoever has this text in the name`)
    .option('--values <n>', 'values shown of each, the latest first; JSON has all', wholeNumber, 10)
    .option('--json', 'print JSON, an object a line: everything, to be kept or compared')
    .addHelpText(
      'after',
      `
Examples:
  weir profiles --profile new_program_of_workload           what each workload runs
  weir profiles --scope system:serviceaccount:shop:web      everything known of one identity
  weir profiles --profile A109 --scope identity --values 3  secrets: usual namespaces and daily counts
  weir profiles --json > profiles.ndjson                    an export`
    )
    .action(show)
}
