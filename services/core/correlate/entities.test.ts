import { describe, expect, it } from 'vitest'
import type { Entity } from '../../../schemas/generated/types.ts'
import { entityOf, signalOf } from '../../../test/support/signals.ts'
import { canonicalIds, MAX_ENTITIES, mergedEntities } from './entities.ts'

const signal = (place: number, entities: readonly Entity[]) =>
  signalOf({ id: `s${place}`, minute: place, source: 'audit', entities })

describe('entities of an incident', () => {
  it('that one act is full of do not push out the others', () => {
    const events = Array.from({ length: 2 * MAX_ENTITIES }, (_, place) =>
      signal(place, [entityOf('object', `events/shop/web.${place}`, 'target')])
    )
    const signals = [...events, signal(9_000, [entityOf('image', 'registry.example.com/shop/web:1', 'context')])]
    const found = mergedEntities(signals, canonicalIds(signals))
    expect(found.length).toBeLessThanOrEqual(MAX_ENTITIES)
    expect(found.at(-1)).toMatchObject({ type: 'image', name: 'registry.example.com/shop/web:1' })
  })

  it('are all there while they are few, however many are of one type', () => {
    const pods = Array.from({ length: 100 }, (_, place) =>
      signal(place, [entityOf('pod', `shop/web-${place}`, 'actor')])
    )
    expect(mergedEntities(pods, canonicalIds(pods))).toHaveLength(100)
  })
})
