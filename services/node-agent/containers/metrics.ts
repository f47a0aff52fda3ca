import { Counter, Gauge } from 'prom-client'
import { metrics } from '../../platform/metrics.ts'

export const attributions = new Counter({
  name: 'weir_attribution_events_total',
  help: 'Events that needed a look at the container runtime, by result: known, waits, or the reason for which they left without.',
  labelNames: ['result'] as const,
  registers: [metrics]
})

export const runtimeContainers = new Gauge({
  name: 'weir_runtime_containers',
  help: 'Containers of this node that are known, by state: present, gone (remembered for events that come late).',
  labelNames: ['state'] as const,
  registers: [metrics]
})

export const criProblems = new Counter({
  name: 'weir_cri_problems_total',
  help: 'Calls to the container runtime that failed, by error code; CRI_NOT_FOUND are containers of others.',
  labelNames: ['code'] as const,
  registers: [metrics]
})
