import { dashboard, indexPattern, type SavedObject, savedSearch, terms } from './saved-object-shapes.ts'

/** The saved objects of Dashboards: what an analyst finds on opening it. */

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
