import { Counter, Gauge } from 'prom-client'
import { metrics } from '../platform/metrics.ts'

export const inventoryObjects = new Gauge({
  name: 'weir_inventory_objects',
  help: 'Objects of the Kubernetes API that are known, by kind.',
  labelNames: ['kind'] as const,
  registers: [metrics]
})

export const inventoryEvents = new Counter({
  name: 'weir_inventory_watch_events_total',
  help: 'Events of watches, by kind and type (ADDED, MODIFIED, DELETED, BOOKMARK, ERROR).',
  labelNames: ['kind', 'type'] as const,
  registers: [metrics]
})

export const inventoryLists = new Counter({
  name: 'weir_inventory_lists_total',
  help: 'Complete listings that were begun, by kind and reason: start, or gone when the API server had forgotten where a watch was.',
  labelNames: ['kind', 'reason'] as const,
  registers: [metrics]
})

export const inventoryProblems = new Counter({
  name: 'weir_inventory_watch_problems_total',
  help: 'Lists and watches that failed and are repeated, by kind and error code.',
  labelNames: ['kind', 'code'] as const,
  registers: [metrics]
})

export const inventoryRecordsOut = new Counter({
  name: 'weir_inventory_records_total',
  help: 'Records published, by kind and what they say: present, or gone.',
  labelNames: ['kind', 'says'] as const,
  registers: [metrics]
})
