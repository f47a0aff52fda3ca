import { Counter } from 'prom-client'
import { metrics } from '../../platform/metrics.ts'

export const sensorEvents = new Counter({
  name: 'weir_sensor_events_total',
  help: 'Events that the built-in sensor has seen and handed on.',
  registers: [metrics]
})

export const sensorLost = new Counter({
  name: 'weir_sensor_lost_total',
  help: 'Events that the built-in sensor lost, by kind and reason: a full ring, or too much that waited.',
  labelNames: ['kind', 'reason'] as const,
  registers: [metrics]
})
