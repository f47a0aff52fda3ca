import { Command } from 'commander'
import type { InventoryRecord } from '../../../schemas/generated/types.ts'
import { createCodec } from '../../core/avro/codec.ts'
import {
  type ContainerFilter,
  containersIn,
  containersInDocuments,
  isListed,
  type ListedContainer
} from '../../core/enrich/container-list.ts'
import { printable } from '../../core/terminal-text.ts'
import { createKafka } from '../../platform/kafka/client.ts'
import { readCompacted } from '../../platform/kafka/read-compacted.ts'
import { silentLogger } from '../../platform/log.ts'
import { createOpenSearchClient } from '../../platform/opensearch/client.ts'
import { plainIndex } from '../../platform/opensearch/index-names.ts'
import { createOpenSearch } from '../../platform/opensearch/search.ts'
import { createRegistry } from '../../platform/registry/client.ts'
import { registrySchemas } from '../../platform/registry/registry.ts'
import { loadTopics, withPartitions } from '../../platform/topics.ts'
import { loadWeirSettings, type Settings, type SettingsOptions, withSettings } from '../settings.ts'
import { print, styleFor } from '../terminal.ts'

interface Options extends SettingsOptions, ContainerFilter {
  readonly json?: boolean
  readonly live?: boolean
}

/** Most documents that a search gives. */
const FOUND_MAX = 10_000
const SHORT_ID_CHARACTERS = 12

async function indexed({ opensearch }: Settings, filter: ContainerFilter): Promise<ListedContainer[]> {
  const search = createOpenSearch(createOpenSearchClient(opensearch), opensearch, silentLogger)
  try {
    const found = await search.find({
      index: plainIndex(opensearch.index_prefix, 'containers'),
      terms: {
        'weir.inventory.deleted': ['false'],
        ...(filter.node !== undefined && { 'host.name': [filter.node] }),
        ...(filter.namespace !== undefined && { 'kubernetes.namespace': [filter.namespace] })
      },
      sort: { field: '@timestamp', order: 'desc' },
      size: FOUND_MAX
    })
    if (found.length === FOUND_MAX)
      console.error(
        `only the ${FOUND_MAX} that changed last are looked at; --node, --namespace or --live show the others`
      )
    return containersInDocuments(found.map(({ document }) => document))
  } finally {
    await search.close()
  }
}

async function live(settings: Settings): Promise<ListedContainer[]> {
  const topics = withPartitions(loadTopics(), settings.kafka.partitions)
  const codec = createCodec(await registrySchemas(createRegistry(settings.registry), topics, settings.registry))
  const values = await readCompacted(createKafka(settings.kafka, silentLogger), 'weir.inventory.v1')
  const records: InventoryRecord[] = []
  for (const value of values) records.push(await codec.decode('inventory-record', value))
  return containersIn(records)
}

const shortImage = (id: string | null): string =>
  id === null ? '-' : id.replace(/([0-9a-f]{12})[0-9a-f]{52}/, '$1').replace(/^.*@/, '')

const COLUMNS: ReadonlyArray<readonly [title: string, text: (container: ListedContainer) => string]> = [
  ['NAMESPACE', ({ namespace }) => namespace ?? '-'],
  ['POD', ({ pod }) => pod],
  ['CONTAINER', ({ name }) => name],
  ['ID', ({ id }) => id.slice(0, SHORT_ID_CHARACTERS) || '-'],
  ['IMAGE', ({ image }) => image ?? '-'],
  ['IMAGE ID', ({ image_id }) => shortImage(image_id)],
  ['PRIVILEGED', ({ privileged }) => (privileged === null ? '?' : privileged ? 'yes' : 'no')],
  ['STATE', ({ state }) => state ?? '?'],
  ['STARTED', ({ started }) => started ?? '-']
]

/** The lines of a list, by node. */
export function containerLines(containers: readonly ListedContainer[], bold: (text: string) => string): string[] {
  const cells = containers.map((container) => COLUMNS.map(([, text]) => printable(text(container))))
  const widths = COLUMNS.map(([title], column) =>
    Math.max(title.length, ...cells.map((row) => row[column]?.length ?? 0))
  )
  const line = (row: readonly string[]) =>
    row
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  const nodes = Map.groupBy(containers.keys(), (index) => {
    const { cluster, node } = containers[index] ?? { cluster: '', node: null }
    return `${cluster}/${node ?? '(no node yet)'}`
  })
  return [...nodes].flatMap(([node, rows], index) => [
    ...(index > 0 ? [''] : []),
    bold(`${printable(node)}: ${rows.length} container${rows.length === 1 ? '' : 's'}`),
    line(COLUMNS.map(([title]) => title)),
    ...rows.map((row) => line(cells[row] ?? []))
  ])
}

const NOTHING_KNOWN = `no containers are known. They come from the inventory: let it watch the cluster (inventory.kubernetes in the
settings, then \`weir serve inventory\`), or run node agents; \`--live\` reads what they told last without waiting for the index.`

export function containersCommand(): Command {
  return withSettings(new Command('containers'))
    .summary('list the containers that run on each node')
    .description(
      'Lists running containers by node, with pod, image and whether they are privileged, from OpenSearch; with --live from the\n' +
        'inventory topic itself, which knows a container as soon as its node agent does.'
    )
    .option('--node <name>', 'of this node only')
    .option('--namespace <name>', 'of this namespace only')
    .option('--all', 'those that wait, or have ended, too')
    .option('--live', 'ask the inventory topic in place of OpenSearch')
    .option('--json', 'print JSON, an object a line, with whole ids')
    .addHelpText(
      'after',
      '\nExamples:\n  weir containers --node node1\n  weir containers --namespace shop --live\n  weir containers --json | jq -r \'select(.privileged) | .namespace + "/" + .pod\''
    )
    .action(async (options: Options) => {
      const settings = loadWeirSettings(options)
      const known = options.live === true ? await live(settings) : await indexed(settings, options)
      const containers = known.filter((container) => isListed(container, options))
      if (options.json === true) {
        for (const container of containers) await print(`${JSON.stringify(container)}\n`)
        return
      }
      const style = styleFor(process.stdout)
      for (const line of containerLines(containers, (text) => style('bold', text))) await print(`${line}\n`)
      if (containers.length > 0) return
      const filtered = options.node !== undefined || options.namespace !== undefined
      await print(filtered ? 'no running containers there that are known\n' : `${NOTHING_KNOWN}\n`)
    })
}
