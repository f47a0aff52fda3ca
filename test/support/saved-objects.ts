import type { SavedObject } from '../../infra/opensearch/saved-object-shapes.ts'

/** Columns of a saved search. */
export function columnsOf({ attributes }: SavedObject): readonly string[] {
  return Array.isArray(attributes['columns']) ? attributes['columns'].map(String) : []
}

interface Aggregation {
  readonly type: string
  readonly params: { readonly field?: string; readonly size?: number }
}

function aggregationsOf({ attributes }: SavedObject): readonly Aggregation[] {
  const state: { readonly aggs: readonly Aggregation[] } = JSON.parse(String(attributes['visState']))
  return state.aggs.filter(({ type }) => type === 'terms')
}

/** Fields a visualization counts by, the outermost first. */
export function termsFieldsOf(visualization: SavedObject): readonly string[] {
  return aggregationsOf(visualization).map(({ params }) => params.field ?? '')
}

/** The aggregation that Dashboards would send for a visualization. */
export function aggregationBody(visualization: SavedObject): Readonly<Record<string, unknown>> {
  return aggregationsOf(visualization).reduceRight<Record<string, unknown>>(
    (inner, { params }, position) => ({
      [String(position + 2)]: {
        terms: { field: params.field, size: params.size, order: { _count: 'desc' } },
        ...(Object.keys(inner).length > 0 && { aggs: inner })
      }
    }),
    {}
  )
}
