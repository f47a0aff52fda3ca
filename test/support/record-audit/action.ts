/** Who acts. Every actor but `anonymous` and `nobody` has a credential made by the recorder. */
export type Actor =
  | 'anonymous'
  | 'nobody'
  | 'mallory'
  | 'eve'
  | 'alice'
  | 'node'
  | 'bootstrapper'
  | 'masters'
  | 'web'
  | 'ci'
  | 'gitops'
  | 'monitor'
  | 'default'
  | 'legacy'
  | 'foothold'

/** Where a request comes from: each place has an address of its own, by which the recorder tells its events from all others. */
export type Place = 'attacker' | 'office' | 'runner' | 'cluster' | 'pod'

/** The parts of an audit event by which the recorder selects. */
export interface RecordedEvent {
  readonly auditID: string
  readonly stage: string
  readonly verb: string
  readonly requestURI: string
  readonly user?: { readonly username?: string }
  readonly sourceIPs?: readonly string[]
  readonly objectRef?: {
    readonly resource?: string
    readonly subresource?: string
    readonly namespace?: string
    readonly name?: string
  }
  readonly responseStatus?: { readonly code?: number }
}

/** One thing done for real, whose events become one file. */
export interface Action {
  /** Code of the catalogue, or `manifests` or `benign`. */
  readonly code: string
  /** The file is CODE-NAME.ndjson, with .gz where it is compressed. */
  readonly name: string
  /** What was done, in one line, for a reader of the index. */
  readonly does: string
  readonly actor: Actor
  /** Default: `attacker`. */
  readonly place?: Place
  /** Shell, run as cluster admin before the recording begins. */
  readonly before?: string
  /** Shell, run as the actor at the place: what is recorded. In a pod it is busybox's `sh`, elsewhere bash. */
  readonly run: string
  /** Shell, run as cluster admin after the recording ended. */
  readonly after?: string
  /** Events that are not of the place but belong to the action, such as the pods that a controller makes. */
  readonly also?: (event: RecordedEvent) => boolean
  /** Whether the file is compressed, because it is long. */
  readonly gzip?: boolean
  /** Seconds to wait for those others, once the actor is done. */
  readonly settle_s?: number
  /** What has to be in the file, each as `VERB RESOURCE[/SUBRESOURCE] CODE`; for a path that is no resource, the path. */
  readonly holds: readonly string[]
}

/** What an event shows, in the form of `Action.holds`. */
export function shownBy({ verb, objectRef, requestURI, responseStatus }: RecordedEvent): string {
  const { resource, subresource } = objectRef ?? {}
  const what = resource === undefined ? requestURI.split('?')[0] : `${resource}${subresource ? `/${subresource}` : ''}`
  return `${verb} ${what} ${responseStatus?.code ?? 'none'}`
}

/** Tells the pods (or other children) that a controller makes of an owner: creates by its service account in a namespace. */
export function madeBy(controller: string, resource: string, namespace: string): (event: RecordedEvent) => boolean {
  return ({ user, verb, objectRef }) =>
    verb === 'create' &&
    user?.username === `system:serviceaccount:kube-system:${controller}` &&
    objectRef?.resource === resource &&
    objectRef.subresource === undefined &&
    objectRef.namespace === namespace
}
