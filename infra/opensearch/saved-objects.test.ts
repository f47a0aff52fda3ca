import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { property } from '../../services/core/json.ts'
import type { IndexKind } from '../../services/platform/opensearch/index-names.ts'
import { loadTemplates } from '../../services/platform/opensearch/templates.ts'
import { columnsOf, termsFieldsOf } from '../../test/support/saved-objects.ts'
import type { SavedObject } from './saved-object-shapes.ts'
import { savedObjects, savedObjectsFile } from './saved-objects.ts'

const committed = readFileSync(join(import.meta.dirname, 'dashboards.ndjson'), 'utf8')
const objects = savedObjects()
const { mappings } = loadTemplates('weir')

/** Type of a mapped field, undefined for what is not mapped. */
function typeOf(kind: string, field: string): unknown {
  const mapping = mappings[kind as IndexKind]
  const node = field.split('.').reduce<unknown>((at, part) => property(property(at, 'properties'), part), mapping)
  return property(node, 'type')
}

const kindOf = ({ references }: SavedObject) => references[0]?.id.replace('weir-', '') ?? ''

describe('dashboards.ndjson', () => {
  it('is what the generator makes', () => {
    expect(committed).toBe(savedObjectsFile())
  })

  it('is an object a line, with ids of their own', () => {
    const lines = committed.trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line))).toEqual(objects)
    expect(new Set(objects.map(({ type, id }) => `${type}/${id}`)).size).toBe(objects.length)
  })

  it('refers only to what it has, and names every reference it has', () => {
    const known = new Set(objects.map(({ type, id }) => `${type}/${id}`))
    for (const { attributes, references } of objects) {
      const text = JSON.stringify(attributes)
      for (const { name, type, id } of references) {
        expect(known).toContain(`${type}/${id}`)
        expect(text).toContain(name)
      }
      const named = [...text.matchAll(/(?:indexRefName|panelRefName)\\+":\\+"([^"\\]+)/g)].map((match) => match[1])
      expect(named).toEqual(references.map(({ name }) => name))
    }
  })

  it('holds JSON wherever Dashboards will parse JSON', () => {
    for (const { attributes } of objects) {
      for (const [key, value] of Object.entries(attributes))
        if (key.endsWith('JSON') || key === 'visState') JSON.parse(String(value))
      const source = property(attributes['kibanaSavedObjectMeta'], 'searchSourceJSON')
      if (typeof source === 'string') JSON.parse(source)
    }
  })

  it('shows columns that are mapped', () => {
    const searches = objects.filter(({ type }) => type === 'search')
    expect(searches.length).toBeGreaterThan(2)
    for (const search of searches) {
      for (const column of columnsOf(search))
        expect([search.id, column, typeOf(kindOf(search), column)]).toContainEqual(
          expect.stringMatching(/keyword|text|boolean|date|ip/)
        )
    }
  })

  it('counts by fields that can be counted by', () => {
    for (const visualization of objects.filter(({ type }) => type === 'visualization')) {
      for (const field of termsFieldsOf(visualization))
        expect([field, typeOf(kindOf(visualization), field)]).toEqual([field, 'keyword'])
    }
  })

  it('has panels that do not overlap and stay on the grid', () => {
    for (const { attributes } of objects.filter(({ type }) => type === 'dashboard')) {
      const cells = new Set<string>()
      const panels: { gridData: { x: number; y: number; w: number; h: number } }[] = JSON.parse(
        String(attributes['panelsJSON'])
      )
      for (const { gridData } of panels) {
        expect(gridData.x + gridData.w).toBeLessThanOrEqual(48)
        for (let x = gridData.x; x < gridData.x + gridData.w; x += 1) {
          for (let y = gridData.y; y < gridData.y + gridData.h; y += 1) {
            expect(cells).not.toContain(`${x}/${y}`)
            cells.add(`${x}/${y}`)
          }
        }
      }
    }
  })

  it('lists container events by the columns analysts asked for', () => {
    const search = objects.find(({ id }) => id === 'weir-container-events')
    expect(search && columnsOf(search)).toEqual([
      'pod_namespace',
      'pod_name',
      'image_name',
      'image_id',
      'container_id',
      'privileged',
      'process.command_line'
    ])
  })
})
