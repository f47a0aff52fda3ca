/**
 * How saved objects of Dashboards are written. Shapes and `migrationVersion`s are those of OpenSearch
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

export function indexPattern(id: Pattern, title: string): SavedObject {
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

export function savedSearch({ id, title, description, pattern, columns, query = '' }: SearchSettings): SavedObject {
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
export function terms({
  id,
  title,
  description,
  pattern,
  query = '',
  chart,
  fields,
  size
}: TermsSettings): SavedObject {
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
export function dashboard(id: string, title: string, description: string, panels: readonly Panel[]): SavedObject {
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
