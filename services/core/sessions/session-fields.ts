/** What signals of requests for sessions have to carry. What else is known of them is in their entities. */
export const REQUEST_FIELDS = [
  'auditID',
  'stage',
  'requestReceivedTimestamp',
  'objectRef.namespace',
  'objectRef.name',
  'objectRef.subresource',
  'facts.exec.container',
  'facts.exec.command_line',
  'facts.exec.stdin',
  'actor.groups',
  'pod.node',
  'requestObject.spec.ephemeralContainers.name',
  'requestObject.value.name'
] as const

/** What signals of processes that begin a session have to carry. */
export const START_FIELDS = [
  'pod.namespace',
  'pod.name',
  'pod.node',
  'container.name',
  'process.command_line',
  'process.entry',
  'process.interactive',
  'process.pid',
  'attributes.flags',
  'source.provider'
] as const

export type SessionField = (typeof REQUEST_FIELDS)[number] | (typeof START_FIELDS)[number]
