/**
 * Makes the reference pages of docs/ from the code they describe.
 *
 *   node docs/generate.ts           write
 *   node docs/generate.ts --check   exit 1 when what is committed is not what would be written
 */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { writeOrCheck } from '../schemas/generated-files.ts'
import { listRules } from '../services/cli/listed-rules.ts'
import { readRuleCatalogue } from '../services/cli/rule-catalogue.ts'
import { BUILTIN_RULES, loadRules } from '../services/cli/rules.ts'
import { settingsSchema } from '../services/cli/settings.ts'
import type { ErrorDefinition } from '../services/core/errors.ts'
import { coverageOf, navigatorLayer } from '../services/core/export/rule-coverage.ts'
import '../services/node-agent/sensor/metrics.ts'
import '../services/inventory/metrics.ts'
import '../services/node-agent/containers/metrics.ts'
import '../services/platform/ingest/metrics.ts'
import { metrics } from '../services/platform/metrics.ts'
import '../services/platform/opensearch/metrics.ts'
import { table } from './markdown.ts'
import { actionsPage } from './response-pages.ts'
import { coveragePage, rulesPage } from './rule-pages.ts'

const root = join(import.meta.dirname, '..')
const NOTE = '<!-- Made from the code by `npm run generate`. Do not edit. -->\n'

/** Every list exported as *_ERRORS. */
async function errorsPage(): Promise<string> {
  const files = globSync('services/**/*.ts', { cwd: root })
    .filter((file) => /^export const [A-Z_]+_ERRORS\b/m.test(readFileSync(join(root, file), 'utf8')))
    .toSorted((a, b) => a.localeCompare(b))
  const rows: string[][] = []
  for (const file of files) {
    const module = (await import(join(root, file))) as Record<string, unknown>
    for (const [name, list] of Object.entries(module)) {
      if (!name.endsWith('_ERRORS')) continue
      for (const [code, { description, retriable }] of Object.entries(list as Record<string, ErrorDefinition>)) {
        rows.push([`\`${code}\``, description, retriable ? 'yes' : 'no', `\`${file.replace('/errors.ts', '')}\``])
      }
    }
  }
  const codes = rows.map(([code]) => code)
  const twice = codes.find((code, index) => codes.indexOf(code) !== index)
  if (twice !== undefined) throw new Error(`error code ${twice} is in two lists`)
  return `${NOTE}
# Error codes

Codes are stable: dead letters (header \`dlq.code\`), metrics and scripts may rely on them. Messages are for people and may change.
A retriable error is tried again by the service itself; one that is not becomes a dead letter, or stops the command.

${table(['Code', 'What happened', 'Retriable', 'Where'], rows)}`
}

async function metricsPage(): Promise<string> {
  const rows = (await metrics.getMetricsAsJSON()).map(({ name, help, type }) => [`\`${name}\``, String(type), help])
  return `${NOTE}
# Metrics

Each service serves them at \`/metrics\` in the Prometheus text format, beside Node's own under \`weir_process_*\` and \`weir_nodejs_*\`.

${table(
  ['Metric', 'Type', 'Meaning'],
  rows.toSorted((a, b) => String(a[0]).localeCompare(String(b[0])))
)}`
}

interface JsonSchema {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
}

function typeName({ type, enum: values, items, anyOf }: JsonSchema): string {
  if (values !== undefined) return values.map((value) => `\`${String(value)}\``).join(', ')
  if (type === 'array') return `list of ${items === undefined ? 'values' : typeName(items)}`
  return type ?? anyOf?.map(typeName).join(' or ') ?? 'any'
}

function settingRows(schema: JsonSchema, path: string): string[][] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, setting]) => {
    const name = path === '' ? key : `${path}.${key}`
    if (setting.properties !== undefined) return settingRows(setting, name)
    const fallback = setting.default === undefined ? '' : `\`${JSON.stringify(setting.default)}\``
    return [[`\`${name}\``, typeName(setting), fallback, setting.description ?? '']]
  })
}

function settingsPage(): string {
  const schema = z.toJSONSchema(settingsSchema, { io: 'input' }) as JsonSchema
  const rows = settingRows(schema, '')
  const unsaid = rows.find(([, , , description]) => description === '')
  if (unsaid !== undefined) throw new Error(`setting ${unsaid[0]} has no description`)
  return `${NOTE}
# Settings

One YAML file serves every service (\`weir serve NAME -c weir.yml\`); each reads what concerns it. \`WEIR_KAFKA__REQUEST_TIMEOUT_MS=5000\`
in the environment sets \`kafka.request_timeout_ms\` and wins over the file. Unknown keys are errors. Secrets are only ever named by file.

${table(['Setting', 'Type', 'Default', 'Meaning'], rows)}`
}

const ruleSet = await loadRules({ folders: [], builtin: true }, (message) => console.error(message))
const catalogue = await readRuleCatalogue()
const listed = listRules(ruleSet)

writeOrCheck(
  join(root, 'docs'),
  new Map([
    ['settings.md', settingsPage()],
    ['errors.md', await errorsPage()],
    ['metrics.md', await metricsPage()],
    ['response-actions.md', NOTE + actionsPage()],
    ['coverage.md', NOTE + coveragePage(listed, catalogue)]
  ])
)
writeOrCheck(
  BUILTIN_RULES,
  new Map([
    ['README.md', NOTE + rulesPage(listed, catalogue, BUILTIN_RULES)],
    ['coverage/navigator.json', `${JSON.stringify(navigatorLayer(coverageOf(ruleSet.alerting), 'Weir'), null, 2)}\n`]
  ])
)
