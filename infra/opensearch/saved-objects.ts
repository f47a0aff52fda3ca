/**
 * The saved objects of Dashboards: what an analyst finds on opening it. Shapes and `migrationVersion`s are those of OpenSearch
 * Dashboards 2 and 3, which brings older ones up to date on import.
 */

interface Reference {
  readonly name: string
  readonly type: string
  readonly id: string
}

export interface SavedObject {
  readonly id: string
  readonly type: 'index-pattern' | 'search' | 'visualization' | 'dashboard'
  readonly attributes: Readonly<Record<string, unknown>>
  readonly references: readonly Reference[]
  readonly migrationVersion: Readonly<Record<string, string>>
}

type Pattern = 'weir-events' | 'weir-signals' | 'weir-incidents' | 'weir-actions' | 'weir-containers'

const SOURCE_INDEX = 'kibanaSavedObjectMeta.searchSourceJSON.index'

function indexPattern(id: Pattern, title: string): SavedObject {
  return {
    id,
    type: 'index-pattern',
    // Without `fields`, Dashboards asks OpenSearch for them when it opens the pattern: there is no list to go stale.
    attributes: { title, timeFieldName: '@timestamp' },
    references: [],
    migrationVersion: { 'index-pattern': '7.6.0' }
  }
}

/** The part of a search or visualization that says what is searched. */
function source(pattern: Pattern, query: string) {
  return {
    attributes: {
      kibanaSavedObjectMeta: {
        searchSourceJSON: JSON.stringify({
          query: { query, language: 'kuery' },
          filter: [],
          highlightAll: true,
          version: true,
          indexRefName: SOURCE_INDEX
        })
      }
    },
    references: [{ name: SOURCE_INDEX, type: 'index-pattern', id: pattern }]
  }
}

interface SearchSettings {
  readonly id: string
  readonly title: string
  readonly description: string
  readonly pattern: Pattern
  readonly columns: readonly string[]
  readonly query?: string
}

function savedSearch({ id, title, description, pattern, columns, query = '' }: SearchSettings): SavedObject {
  const { attributes, references } = source(pattern, query)
  return {
    id,
    type: 'search',
    attributes: { title, description, hits: 0, columns, sort: [['@timestamp', 'desc']], version: 1, ...attributes },
    references,
    migrationVersion: { search: '7.9.3' }
  }
}

interface TermsSettings {
  readonly id: string
  readonly title: string
  readonly description: string
  readonly pattern: Pattern
  readonly query?: string
  readonly chart: 'pie' | 'histogram' | 'table'
  /** Fields to count by, the first on the outside. */
  readonly fields: readonly string[]
  readonly size: number
}

const CHART_PARAMETERS: Readonly<Record<TermsSettings['chart'], Readonly<Record<string, unknown>>>> = {
  pie: { type: 'pie', addTooltip: true, addLegend: true, legendPosition: 'right', isDonut: true },
  table: { perPage: 10, showPartialRows: false, showMetricsAtAllLevels: false, showTotal: false, totalFunc: 'sum' },
  histogram: {
    type: 'histogram',
    grid: { categoryLines: false },
    categoryAxes: [
      {
        id: 'CategoryAxis-1',
        type: 'category',
        position: 'bottom',
        show: true,
        scale: { type: 'linear' },
        labels: { show: true, truncate: 100 },
        title: {}
      }
    ],
    valueAxes: [
      {
        id: 'ValueAxis-1',
        name: 'LeftAxis-1',
        type: 'value',
        position: 'left',
        show: true,
        scale: { type: 'linear', mode: 'normal' },
        labels: { show: true },
        title: { text: 'Count' }
      }
    ],
    seriesParams: [
      { show: true, type: 'histogram', mode: 'stacked', data: { label: 'Count', id: '1' }, valueAxis: 'ValueAxis-1' }
    ],
    addTooltip: true,
    addLegend: true,
    legendPosition: 'right'
  }
}

/** In which part of a chart the first and the further fields go. */
const SCHEMAS: Readonly<Record<TermsSettings['chart'], readonly [string, string]>> = {
  pie: ['segment', 'segment'],
  histogram: ['segment', 'group'],
  table: ['bucket', 'bucket']
}

/** Counts of documents by the values of fields. */
function terms({ id, title, description, pattern, query = '', chart, fields, size }: TermsSettings): SavedObject {
  const { attributes, references } = source(pattern, query)
  const aggs = [
    { id: '1', enabled: true, type: 'count', schema: 'metric', params: {} },
    ...fields.map((field, position) => ({
      id: String(position + 2),
      enabled: true,
      type: 'terms',
      schema: SCHEMAS[chart][position === 0 ? 0 : 1],
      params: { field, size, order: 'desc', orderBy: '1', otherBucket: false, missingBucket: false }
    }))
  ]
  return {
    id,
    type: 'visualization',
    attributes: {
      title,
      description,
      visState: JSON.stringify({ title, type: chart, aggs, params: CHART_PARAMETERS[chart] }),
      uiStateJSON: '{}',
      version: 1,
      ...attributes
    },
    references,
    migrationVersion: { visualization: '7.10.0' }
  }
}

interface Panel {
  readonly object: SavedObject
  readonly x: number
  readonly y: number
  readonly w: number
  readonly h: number
}

/** Dashboards' grid has 48 columns. */
function dashboard(id: string, title: string, description: string, panels: readonly Panel[]): SavedObject {
  return {
    id,
    type: 'dashboard',
    attributes: {
      title,
      description,
      hits: 0,
      version: 1,
      timeRestore: false,
      optionsJSON: JSON.stringify({ hidePanelTitles: false, useMargins: true }),
      panelsJSON: JSON.stringify(
        panels.map(({ x, y, w, h }, position) => ({
          version: '3.0.0',
          gridData: { x, y, w, h, i: String(position) },
          panelIndex: String(position),
          embeddableConfig: {},
          panelRefName: `panel_${position}`
        }))
      ),
      kibanaSavedObjectMeta: {
        searchSourceJSON: JSON.stringify({ query: { query: '', language: 'kuery' }, filter: [] })
      }
    },
    references: panels.map(({ object }, position) => ({ name: `panel_${position}`, type: object.type, id: object.id })),
    migrationVersion: { dashboard: '7.9.3' }
  }
}

/** Everything, a thing after what it refers to. */
export function savedObjects(): readonly SavedObject[] {
  const patterns = [
    indexPattern('weir-events', 'weir-events-*'),
    indexPattern('weir-signals', 'weir-signals-*'),
    indexPattern('weir-incidents', 'weir-incidents'),
    indexPattern('weir-actions', 'weir-actions-*'),
    indexPattern('weir-containers', 'weir-containers')
  ]
  const containerEvents = savedSearch({
    id: 'weir-container-events',
    title: 'Weir: container events',
    description: 'What happened in containers, and which: pod, image and whether it is privileged.',
    pattern: 'weir-events',
    query: 'container_id: *',
    columns: [
      'pod_namespace',
      'pod_name',
      'image_name',
      'image_id',
      'container_id',
      'privileged',
      'process.command_line'
    ]
  })
  const apiRequests = savedSearch({
    id: 'weir-api-requests',
    title: 'Weir: API requests',
    description: 'The audit log: who did what to which object.',
    pattern: 'weir-events',
    query: 'kubernetes.audit.auditID: *',
    columns: [
      'user.name',
      'event.action',
      'orchestrator.namespace',
      'orchestrator.resource.name',
      'event.outcome',
      'source.ip',
      'user_agent.original'
    ]
  })
  const incidents = savedSearch({
    id: 'weir-incident-table',
    title: 'Weir: incidents',
    description: 'One row per attack: the latest revision of each incident.',
    pattern: 'weir-incidents',
    columns: [
      'weir.severity',
      'weir.incident.status',
      'weir.incident.title',
      'orchestrator.cluster.name',
      'weir.workloads',
      'weir.actors',
      'threat.technique.id',
      'event.start',
      'event.end'
    ]
  })
  const signals = savedSearch({
    id: 'weir-signal-table',
    title: 'Weir: signals',
    description: 'Every match of a rule.',
    pattern: 'weir-signals',
    columns: [
      'weir.severity',
      'weir.signal.code',
      'rule.name',
      'message',
      'weir.workloads',
      'weir.actors',
      'threat.technique.id'
    ]
  })
  const actions = savedSearch({
    id: 'weir-action-table',
    title: 'Weir: responses',
    description: 'Plans and what became of them.',
    pattern: 'weir-actions',
    columns: [
      'weir.action.status',
      'weir.action.mode',
      'weir.action.playbook',
      'weir.action.summary',
      'weir.action.incident_id'
    ]
  })
  const containers = savedSearch({
    id: 'weir-container-table',
    title: 'Weir: containers',
    description: 'The containers of each pod, as the inventory last knew them.',
    pattern: 'weir-containers',
    columns: [
      'pod_namespace',
      'pod_name',
      'container.name',
      'image_name',
      'image_id',
      'container_id',
      'privileged',
      'host.name',
      'weir.inventory.deleted'
    ]
  })
  const bySeverity = terms({
    id: 'weir-incidents-by-severity',
    title: 'Weir: incidents by severity',
    description: 'Incidents that are not closed or merged.',
    pattern: 'weir-incidents',
    query: 'weir.incident.status: open',
    chart: 'pie',
    fields: ['weir.severity'],
    size: 5
  })
  const byTactic = terms({
    id: 'weir-signals-by-tactic',
    title: 'Weir: signals by tactic',
    description: 'Signals by ATT&CK tactic and severity.',
    pattern: 'weir-signals',
    chart: 'histogram',
    fields: ['threat.tactic.name', 'weir.severity'],
    size: 20
  })
  const noisyRules = terms({
    id: 'weir-noisy-rules',
    title: 'Weir: noisiest rules',
    description: 'Rules by the number of their signals: where a filter pays most.',
    pattern: 'weir-signals',
    chart: 'table',
    fields: ['rule.name', 'weir.workloads'],
    size: 10
  })
  const overview = dashboard(
    'weir-overview',
    'Weir',
    'Incidents first, then the signals and events they are made of.',
    [
      { object: incidents, x: 0, y: 0, w: 48, h: 14 },
      { object: bySeverity, x: 0, y: 14, w: 16, h: 12 },
      { object: byTactic, x: 16, y: 14, w: 16, h: 12 },
      { object: noisyRules, x: 32, y: 14, w: 16, h: 12 },
      { object: signals, x: 0, y: 26, w: 48, h: 14 },
      { object: containerEvents, x: 0, y: 40, w: 48, h: 16 }
    ]
  )
  return [
    ...patterns,
    containerEvents,
    apiRequests,
    incidents,
    signals,
    actions,
    containers,
    bySeverity,
    byTactic,
    noisyRules,
    overview
  ]
}

/** The file that Dashboards imports: an object a line, keys in the order above. */
export function savedObjectsFile(): string {
  return savedObjects()
    .map((object) => `${JSON.stringify(object)}\n`)
    .join('')
}
