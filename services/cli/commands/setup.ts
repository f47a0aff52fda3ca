import { Argument, Command } from 'commander'
import { createKafka } from '../../platform/kafka/client.ts'
import { createTopicAdmin } from '../../platform/kafka/topic-admin.ts'
import { silentLogger } from '../../platform/log.ts'
import { createOpenSearchClient } from '../../platform/opensearch/client.ts'
import { importDashboards } from '../../platform/opensearch/dashboards.ts'
import { setupOpenSearch } from '../../platform/opensearch/setup.ts'
import { createRegistry } from '../../platform/registry/client.ts'
import { setupKafka } from '../../platform/setup/setup-kafka.ts'
import { loadTopics, withPartitions } from '../../platform/topics.ts'
import { loadWeirSettings, type Settings, type SettingsOptions, withSettings } from '../settings.ts'

/** For servers that have only just come up, and are slow on a busy machine. */
export interface Patience {
  /** How long each look-up in the registry is tried again. */
  readonly retry_for_ms: number
  readonly tell: (text: string) => void
}

/** Topics and subjects. @param patience the settings' own unless given @returns a line a change */
export async function setUpKafka(settings: Settings, patience?: Patience): Promise<string[]> {
  const topics = withPartitions(loadTopics(), settings.kafka.partitions)
  const admin = createKafka(settings.kafka, silentLogger).kafka.admin()
  const registry =
    patience === undefined
      ? createRegistry(settings.registry)
      : createRegistry({ ...settings.registry, retry_for_ms: patience.retry_for_ms }, ({ message }) =>
          patience.tell(`${message}; trying again`)
        )
  await admin.connect()
  try {
    return await setupKafka(createTopicAdmin(admin), registry, topics, settings.kafka)
  } finally {
    await admin.disconnect()
  }
}

/** Templates, policies and indices, and Dashboards' saved objects where its URL is set. @returns a line a change */
export async function setUpOpenSearch(settings: Settings): Promise<string[]> {
  const client = createOpenSearchClient(settings.opensearch)
  try {
    const lines = await setupOpenSearch(client, { prefix: settings.opensearch.index_prefix })
    if (settings.dashboards.url === undefined) return lines
    const { url, username, password_file } = settings.dashboards
    const count = await importDashboards(url, {
      prefix: settings.opensearch.index_prefix,
      ...(username !== undefined && { username }),
      ...(password_file !== undefined && { password_file })
    })
    return [...lines, `dashboards: ${count} saved objects imported`]
  } finally {
    await client.close()
  }
}

export function setupCommand(): Command {
  return withSettings(new Command('setup'))
    .summary('create or mend topics, subjects and OpenSearch templates')
    .description(
      'Brings Kafka, the schema registry and OpenSearch to what this version needs, and prints what it changed. Idempotent; may run\n' +
        'while services do. Nothing is ever removed.'
    )
    .addArgument(new Argument('[part]', 'only this part').choices(['kafka', 'opensearch']))
    .addHelpText(
      'after',
      '\nExamples:\n  weir setup -c weir.yml\n  WEIR_KAFKA__BROKERS=\'["kafka:9092"]\' weir setup kafka'
    )
    .action(async (part: string | undefined, options: SettingsOptions) => {
      const settings = loadWeirSettings(options)
      const lines = [
        ...(part === 'opensearch' ? [] : await setUpKafka(settings)),
        ...(part === 'kafka' ? [] : await setUpOpenSearch(settings))
      ]
      for (const line of lines) console.log(line)
      if (lines.length === 0) console.log('nothing to do')
    })
}
