// Made from schemas/avro by `npm run generate`. Do not edit.

/** A response to an incident: a plan and what became of it. Value of weir.actions.v1. */
export interface Action {
  /** Identity, from incident, playbook and content of the plan. */
  readonly id: string
  /** When this state was reached, microseconds since the epoch. */
  readonly time: number
  /** The cluster to act on. */
  readonly cluster: Cluster
  /** The incident answered. */
  readonly incident_id: string
  /** Revision of the incident the plan was made from. */
  readonly incident_revision: number
  /** What became of it. */
  readonly status: ActionStatus
  /** dry_run only shows; approve waits for a person; auto goes ahead. */
  readonly mode: ActionMode
  /** Playbook the plan follows. */
  readonly playbook: string
  /** What the plan does, in one line. */
  readonly summary: string
  /** What to do, in order. */
  readonly steps: ReadonlyArray<ActionStep>
  /** What the plan leaves alone or cannot do, and why. */
  readonly notes: ReadonlyArray<string>
}

/** How a plan is carried out. */
export type ActionMode = 'dry_run' | 'approve' | 'auto'

/** State of a plan. */
export type ActionStatus = 'planned' | 'approved' | 'done' | 'failed' | 'undone'

/** One step of a plan. */
export interface ActionStep {
  /** Action, such as kill_process_tree, delete_pod, contain_workload. */
  readonly name: string
  /** What it does to what, in one line. */
  readonly description: string
  /** What it acts on. */
  readonly target: Entity
  /** The exact API requests. */
  readonly requests: ReadonlyArray<ApiRequest>
  /** What else it affects. */
  readonly blast_radius: string
  /** How to take it back; null when it cannot be. */
  readonly undo: string | null
}

/** The effective identity behind an API request. */
export interface Actor {
  /** What sort of identity. */
  readonly kind: ActorKind
  /** Effective user name: the impersonated user's if there is one. */
  readonly name: string
  /** The real user, when another is impersonated. */
  readonly impersonator: string | null
  /** Groups of the effective user. */
  readonly groups: ReadonlyArray<string>
  /** An identity of the control plane, of a node, of a kube-system controller or of the cloud provider. */
  readonly is_system: boolean
  /** namespace/name, when it is a service account. */
  readonly service_account: string | null
  /** Id of the token or certificate used. */
  readonly credential_id: string | null
  /** UID of the pod a bound token was issued to. */
  readonly pod_uid: string | null
  /** Name of that pod. */
  readonly pod_name: string | null
  /** Node of that pod, or the node whose identity it is. */
  readonly node_name: string | null
}

/** What sort of identity. */
export type ActorKind = 'user' | 'service_account' | 'node' | 'control_plane' | 'anonymous'

/** A process further up the tree. */
export interface Ancestor {
  /** Identity of the process. */
  readonly entity_id: string | null
  /** Process id in the host's pid namespace. */
  readonly pid: number | null
  /** Short name (comm). */
  readonly name: string | null
  /** Path of the executable. */
  readonly executable: string | null
  /** Arguments as one string, executable first. */
  readonly command_line: string | null
}

/** A request to the Kubernetes API or to a node agent. */
export interface ApiRequest {
  /** kube-apiserver, or node-agent/NODE. */
  readonly to: string
  /** HTTP method. */
  readonly method: string
  /** Path. */
  readonly path: string
  /** Body as JSON text. */
  readonly body: string | null
  /** Content type of the body, which tells the API server the kind of a patch. */
  readonly content_type: string | null
}

/** Audit events that one collector received together. Value of weir.audit.v1. */
export interface AuditBatch {
  /** The cluster whose API server wrote the events. */
  readonly cluster: Cluster
  /** Where the events come from. */
  readonly provider: AuditProvider
  /** Name of the collector instance. */
  readonly collector: string
  /** When the collector received the batch, microseconds since the epoch. */
  readonly received: number
  /** The events, in the order of arrival. */
  readonly events: ReadonlyArray<AuditEvent>
}

/** One Kubernetes API audit event. Field names are those of audit.k8s.io/v1, so that paths written for raw audit logs hold here; managed clouds' envelopes are turned into the same shape. */
export interface AuditEvent {
  /** Identity of the API request; with stage, the identity of this event. */
  readonly auditID: string
  /** RequestReceived, ResponseStarted, ResponseComplete or Panic. */
  readonly stage: string
  /** Audit level the policy chose: Metadata, Request or RequestResponse; null where the provider does not say. */
  readonly level: string | null
  /** API verb (get, list, watch, create, update, patch, delete, deletecollection) or lower-case HTTP method for non-resource URLs; null where the provider does not say. */
  readonly verb: string | null
  /** Request path with query, as the client sent it. */
  readonly requestURI: string | null
  /** The authenticated user, before impersonation. */
  readonly user: AuditUser
  /** The user that was impersonated, if any: whose permissions the request had. */
  readonly impersonatedUser: AuditUser | null
  /** Addresses the request came from, client first. */
  readonly sourceIPs: ReadonlyArray<string>
  /** User agent, as the client gave it; never to be trusted. */
  readonly userAgent: string | null
  /** The API object, null for non-resource requests. */
  readonly objectRef: ObjectReference | null
  /** How the API server answered. */
  readonly responseStatus: ResponseStatus | null
  /** Request body as JSON text; null when the audit level left it out. */
  readonly requestObject: string | null
  /** Response body as JSON text; null when the audit level left it out. */
  readonly responseObject: string | null
  /** When the API server received the request, microseconds since the epoch. */
  readonly requestReceivedTimestamp: number | null
  /** When this stage was reached: the event's time, microseconds since the epoch. */
  readonly stageTimestamp: number
  /** Annotations of authorisers and admission plugins, such as authorization.k8s.io/decision. */
  readonly annotations: Readonly<Record<string, string>>
}

/** Whose envelope the events came in. */
export type AuditProvider = 'kubernetes' | 'eks' | 'gke' | 'aks'

/** A user as the API server saw it. */
export interface AuditUser {
  /** User name; empty when the source carried none. */
  readonly username: string
  /** User's unique id, for service accounts the object's UID. */
  readonly uid: string | null
  /** Groups of the user. */
  readonly groups: ReadonlyArray<string>
  /** Extra keys of the authenticator, such as authentication.kubernetes.io/pod-uid of bound tokens. */
  readonly extra: Readonly<Record<string, ReadonlyArray<string>>>
}

/** A step of the causality tree. */
export interface CausalityNode {
  /** Identity within the tree. */
  readonly id: string
  /** Id of the cause; null for a root. */
  readonly parent: string | null
  /** Entity type, or request. */
  readonly type: string
  /** What people call it. */
  readonly name: string
  /** Ids of the signals seen on it. */
  readonly signals: ReadonlyArray<string>
  /** For a pod: the cluster node it is on, where that is known. */
  readonly node: string | null
  /** For a pod: its top owner as Kind/namespace/name, which need not stand above it; Pod/… for a bare one. */
  readonly owner: string | null
}

/** The cluster that an event, signal or incident belongs to. */
export interface Cluster {
  /** UID of the kube-system namespace: the identity of a cluster. */
  readonly id: string
  /** Name given in the settings, for people. */
  readonly name: string
}

/** A container, as its runtime names it. */
export interface Container {
  /** Container id of the runtime, without its scheme; may be a prefix (Tetragon gives 31 characters, Falco 12). */
  readonly id: string
  /** Name of the container in its pod. */
  readonly name: string | null
  /** Image reference, such as registry/repository:tag. */
  readonly image_name: string | null
  /** Image digest or id. */
  readonly image_id: string | null
  /** Whether it runs privileged; null when not known. */
  readonly privileged: boolean | null
}

/** One entry of the correlator's state. Value of weir.state.v1, the latest per key counts; a tombstone forgets the key. Which signals belong together is not stored: it follows from the signals. */
export interface CorrelatorState {
  /** Key within the cluster, also the tail of the message key: signal/ID, incident/ID, clock, part/ID, window/RULE/GROUP, profile/RULE/KEY, session/ID. */
  readonly key: string
  /** The cluster, empty for markers. */
  readonly cluster_id: string
  /** signal: a signal that is remembered; incident: what was last published of an incident; clock: the watermark of a cluster; marker: end of a restore; part: a signal that counts towards correlations; window: what a correlation has told of a group; profile: what is known of an identity, namespace or cluster; session: a signal that tells of a session or of a process that begins one, or what was told of the sessions of a pod. */
  readonly kind: StateKind
  /** The signal, its texts cut to the correlator's bounds. */
  readonly signal: Signal | null
  /** Id of the full group the signal lies in: such a group takes no more signals. Null while it can still grow. */
  readonly sealed: string | null
  /** Link keys by which the signal does not join earlier ones any more, because the signals that showed the key to be a hub were forgotten. */
  readonly cut_keys: ReadonlyArray<string>
  /** What was last published of an incident. */
  readonly published: PublishedIncident | null
  /** Of windows and profiles: what is known, as JSON. */
  readonly document: string | null
  /** Latest event time seen, microseconds since the epoch. */
  readonly watermark: number
}

/** What another detection engine said. */
export interface EngineAlert {
  /** falco, tetragon, tracee. */
  readonly engine: string
  /** Name of its rule. */
  readonly rule: string
  /** Its severity, in its own words. */
  readonly priority: string | null
  /** Its output line. */
  readonly message: string | null
  /** Its tags. */
  readonly tags: ReadonlyArray<string>
}

/** A raw event with all that Weir knows about it. Value of weir.events.v1. The raw record comes first, so that its bytes can be copied. */
export interface EnrichedEvent {
  /** The event, if it is an audit event. */
  readonly audit: AuditEvent | null
  /** The event, if it is a runtime event. */
  readonly runtime: RuntimeEvent | null
  /** Identity, derived from the source: a replay gives the same. */
  readonly id: string
  /** When it happened, microseconds since the epoch. */
  readonly time: number
  /** When Weir received it, microseconds since the epoch. */
  readonly received: number
  /** The cluster it happened in. */
  readonly cluster: Cluster
  /** Which part of Weir it came through. */
  readonly source: EventSource
  /** How complete the joined facts are. */
  readonly enrichment: Enrichment
  /** What was done, in one word: runtime action, or resource/subresource:verb. */
  readonly action: string
  /** success, failure, or unknown. */
  readonly outcome: Outcome
  /** Who did it through the API. */
  readonly actor: Actor | null
  /** Address the API request came from. */
  readonly source_ip: string | null
  /** The pod it happened in, was done to, or was done with the token of. */
  readonly pod: Pod | null
  /** The container. */
  readonly container: Container | null
  /** Top owner of the pod, or the workload object of the request. */
  readonly workload: Workload | null
  /** For API requests that carry a pod or a pod template: what it asks for, whatever the kind it is in. */
  readonly pod_spec: PodSpec | null
}

/** How complete the joined facts are. */
export interface Enrichment {
  /** How complete. */
  readonly status: EnrichmentStatus
  /** Why it is not complete. */
  readonly reason: string | null
}

/** complete: pod, container and owner are known; partial: some; missing: none; not_applicable: the event has no pod. */
export type EnrichmentStatus = 'complete' | 'partial' | 'missing' | 'not_applicable'

/** Something an attack touches and that ties signals together. */
export interface Entity {
  /** What it is. */
  readonly type: EntityType
  /** Identity within the cluster: a UID where there is one, else a name made unique (namespace/name). */
  readonly id: string
  /** What people call it. */
  readonly name: string
  /** Its part in what happened. */
  readonly role: EntityRole
}

/** Its part in what happened. */
export type EntityRole = 'actor' | 'target' | 'context'

/** What it is. */
export type EntityType = 'process' | 'container' | 'pod' | 'workload' | 'service_account' | 'credential' | 'user' | 'source_address' | 'node' | 'image' | 'secret' | 'role_binding' | 'indicator' | 'cloud_identity' | 'object' | 'exec_session'

/** Which part of Weir an event came through. */
export interface EventSource {
  /** Audit log or runtime sensor. */
  readonly type: SourceType
  /** kubernetes, eks, gke or aks for audit; the sensor's name for runtime. */
  readonly provider: string
  /** Collector instance, or node name. */
  readonly instance: string
}

/** A file acted on. */
export interface File {
  /** Path in the process's mount namespace. */
  readonly path: string
  /** New path of a rename, or target of a link. */
  readonly target_path: string | null
  /** Permission bits in octal, or open flags, as the source gives them. */
  readonly mode: string | null
}

/** One attack, as far as it is known. Value of weir.incidents.v1; each revision replaces the one before. */
export interface Incident {
  /** Identity, from the first signal. */
  readonly id: string
  /** 1 for the first, growing. */
  readonly revision: number
  /** open, closed, or merged into another. */
  readonly status: IncidentStatus
  /** Survivor, when merged. */
  readonly merged_into: string | null
  /** The cluster it happened in. */
  readonly cluster: Cluster
  /** Severity, from the score. */
  readonly severity: Severity
  /** 0 to 100. */
  readonly score: number
  /** One line. */
  readonly title: string
  /** What happened, in plain English. */
  readonly narrative: string
  /** Time of the earliest signal, microseconds since the epoch. */
  readonly first: number
  /** Time of the latest signal, microseconds since the epoch. */
  readonly last: number
  /** Which halves of the product saw it. */
  readonly sources: ReadonlyArray<SourceType>
  /** ATT&CK tactic names, in the order of the kill chain. */
  readonly tactics: ReadonlyArray<string>
  /** ATT&CK technique ids, sorted. */
  readonly techniques: ReadonlyArray<string>
  /** What the attack touched. */
  readonly entities: ReadonlyArray<Entity>
  /** The signals, by time; repeated ones counted. */
  readonly timeline: ReadonlyArray<TimelineEntry>
  /** Who caused what, as a forest: a node's parent stands before it. */
  readonly causality: ReadonlyArray<CausalityNode>
  /** Recommended playbook. */
  readonly playbook: string | null
}

/** State of an incident. */
export type IncidentStatus = 'open' | 'closed' | 'merged'

/** What is known of one Kubernetes object. Value of weir.inventory.v1; a later record of the same key replaces it. */
export interface InventoryRecord {
  /** The object's cluster. */
  readonly cluster: Cluster
  /** API kind: Pod, Node, Deployment, ReplicaSet, Service, ServiceAccount, … */
  readonly kind: string
  /** Object UID. */
  readonly uid: string
  /** Object name. */
  readonly name: string
  /** Namespace. */
  readonly namespace: string | null
  /** When the state was observed, microseconds since the epoch. */
  readonly observed: number
  /** The object is gone; the record stays resolvable for an hour. */
  readonly deleted: boolean
  /** Creation of the object, microseconds since the epoch. */
  readonly created: number | null
  /** Labels. */
  readonly labels: Readonly<Record<string, string>>
  /** Owner chain as far as the writer knows it, the controller first and the top last. */
  readonly owners: ReadonlyArray<Workload>
  /** IP addresses that mean this object: of a pod, a node, a service. */
  readonly addresses: ReadonlyArray<string>
  /** For pods: the part of spec and status that detections and responses need. */
  readonly pod: PodState | null
}

/** A step for an analyst. */
export interface InvestigationStep {
  /** What to do, in words. */
  readonly step: string
  /** A search over events and signals in OpenSearch (Lucene query syntax), filled in with the event's values. */
  readonly query: string | null
}

/** A connection, listener or DNS query. */
export interface Network {
  /** egress, ingress or listen. */
  readonly direction: string | null
  /** tcp, udp, …, in lower case. */
  readonly transport: string | null
  /** Local address for egress, remote for ingress. */
  readonly source_ip: string | null
  /** Port of source_ip. */
  readonly source_port: number | null
  /** Address connected to. */
  readonly destination_ip: string | null
  /** Port connected to or listened on. */
  readonly destination_port: number | null
  /** Name asked for in DNS, or known for the destination. */
  readonly domain: string | null
}

/** The object a request is about. */
export interface ObjectReference {
  /** Resource in plural, such as pods. */
  readonly resource: string | null
  /** Namespace, null for cluster-scoped objects. */
  readonly namespace: string | null
  /** Object name, null for collections and for creates that generate it. */
  readonly name: string | null
  /** Object UID, where known. */
  readonly uid: string | null
  /** API group, null for core. */
  readonly apiGroup: string | null
  /** API version within the group. */
  readonly apiVersion: string | null
  /** Resource version the request names. */
  readonly resourceVersion: string | null
  /** Subresource, such as exec, log or token. */
  readonly subresource: string | null
}

/** Whether an attempt had its effect. */
export type Outcome = 'success' | 'failure' | 'unknown'

/** A pod with its place in the cluster. */
export interface Pod {
  /** Pod UID. */
  readonly uid: string | null
  /** Pod name. */
  readonly name: string | null
  /** Namespace. */
  readonly namespace: string | null
  /** Node. */
  readonly node: string | null
  /** Pod address. */
  readonly ip: string | null
  /** namespace/name of its service account. */
  readonly service_account: string | null
  /** Labels. */
  readonly labels: Readonly<Record<string, string>>
  /** Creation, microseconds since the epoch. */
  readonly created: number | null
  /** Shares the host's network namespace. */
  readonly host_network: boolean | null
  /** Shares the host's pid namespace. */
  readonly host_pid: boolean | null
  /** Shares the host's IPC namespace. */
  readonly host_ipc: boolean | null
}

/** A pod by what a sensor may know of it. */
export interface PodReference {
  /** Pod UID. */
  readonly uid: string | null
  /** Pod name. */
  readonly name: string | null
  /** Namespace. */
  readonly namespace: string | null
}

/** The security-relevant content of a pod spec, over containers, init and ephemeral containers. */
export interface PodSpec {
  /** Some container is privileged. */
  readonly privileged: boolean
  /** hostNetwork. */
  readonly host_network: boolean
  /** hostPID. */
  readonly host_pid: boolean
  /** hostIPC. */
  readonly host_ipc: boolean
  /** Host paths mounted. */
  readonly host_paths: ReadonlyArray<string>
  /** Capabilities added. */
  readonly capabilities: ReadonlyArray<string>
  /** Image references. */
  readonly images: ReadonlyArray<string>
  /** command and args of each container, joined by blanks. */
  readonly commands: ReadonlyArray<string>
  /** serviceAccountName. */
  readonly service_account: string | null
}

/** Spec and status of a pod, in short. */
export interface PodState {
  /** Node it is bound to. */
  readonly node: string | null
  /** Service account name. */
  readonly service_account: string | null
  /** Shares the host's network namespace. */
  readonly host_network: boolean
  /** Shares the host's pid namespace. */
  readonly host_pid: boolean
  /** Shares the host's IPC namespace. */
  readonly host_ipc: boolean
  /** Containers of all kinds; id is empty until the runtime has given one. */
  readonly containers: ReadonlyArray<Container>
}

/** A process with what is known of its ancestry. */
export interface Process {
  /** Identity of the process over pid reuse: node, boot, pid and start time, or the engine's own key. */
  readonly entity_id: string
  /** Process id in the host's pid namespace. */
  readonly pid: number | null
  /** Short name (comm). */
  readonly name: string | null
  /** Path of the executable, in the process's own mount namespace. */
  readonly executable: string | null
  /** Argument vector with argv[0], empty where the source gives one string only. */
  readonly args: ReadonlyArray<string>
  /** Arguments as one string, executable first. */
  readonly command_line: string | null
  /** Current directory. */
  readonly working_directory: string | null
  /** Effective user id. */
  readonly user_id: number | null
  /** Start of the process, microseconds since the epoch. */
  readonly start_time: number | null
  /** Whether it has a terminal; null when the source does not say. */
  readonly interactive: boolean | null
  /** Whether the executable is part of the container's image; null when the source does not say. */
  readonly in_image: boolean | null
  /** How the process tree came into the container: entrypoint, exec (kubectl exec, attach or a runtime's own exec), probe (probe or lifecycle hook), host; null when the source does not say. */
  readonly entry: string | null
  /** Whether standard input or output is a network socket; null when the source does not say. */
  readonly socket_stdio: boolean | null
  /** Exit status, on exit events. */
  readonly exit_code: number | null
  /** Ancestors, the parent first. */
  readonly ancestors: ReadonlyArray<Ancestor>
}

/** What was last published of an incident. */
export interface PublishedIncident {
  /** The incident. */
  readonly id: string
  /** Its revision. */
  readonly revision: number
  /** Its status. */
  readonly status: IncidentStatus
  /** How many signals it had. */
  readonly signals: number
  /** Id of its earliest signal. */
  readonly first_signal: string
  /** Time of its latest signal, microseconds since the epoch. */
  readonly last: number
}

/** Outcome of a request. */
export interface ResponseStatus {
  /** HTTP status code; gRPC codes of GKE are translated. */
  readonly code: number | null
  /** Success or Failure, where given. */
  readonly status: string | null
  /** Machine-readable reason of a failure. */
  readonly reason: string | null
  /** Message for people. */
  readonly message: string | null
}

/** A raw event that waits for its container or pod to become known. Value of weir.retry.v1. */
export interface RetryEvent {
  /** The event, if it is an audit event. */
  readonly audit: AuditEvent | null
  /** The event, if it is a runtime event. */
  readonly runtime: RuntimeEvent | null
  /** From the header of the event's batch. */
  readonly cluster: Cluster
  /** From the header of the event's batch. */
  readonly source: EventSource
  /** From the header of the event's batch, microseconds since the epoch. */
  readonly received: number
  /** Not to be tried before, microseconds since the epoch. */
  readonly due: number
  /** Look-ups made so far, at least 1. */
  readonly attempts: number
}

/** Runtime events of one node, in order. Value of weir.runtime.v1. */
export interface RuntimeBatch {
  /** The node's cluster. */
  readonly cluster: Cluster
  /** Node name. */
  readonly node: string
  /** Boot id of the node's kernel; null where the sensor does not give it. */
  readonly boot_id: string | null
  /** Which sensor saw the events: tetragon, falco, tracee, bpf, bpftrace. */
  readonly sensor: string
  /** Sequence number of the first event, as a decimal string; the others follow without gap. */
  readonly first_sequence: string
  /** When the agent read the batch, microseconds since the epoch. */
  readonly received: number
  /** The events, in order. */
  readonly events: ReadonlyArray<RuntimeEvent>
}

/** Class of a runtime event. */
export type RuntimeCategory = 'process' | 'network' | 'file' | 'privilege' | 'alert' | 'sensor'

/** One thing a process did on a node, as a sensor saw it. */
export interface RuntimeEvent {
  /** Identity, the same on every reading of the same source. */
  readonly id: string
  /** When it happened (the kernel's clock turned into wall clock), microseconds since the epoch. */
  readonly time: number
  /** What class of event it is; alert is another engine's verdict, sensor is about the sensor itself. */
  readonly category: RuntimeCategory
  /** What was done: exec, exec_failed, fork, exit; connect, accept, listen, close, dns; open_write, read, rename, unlink, chmod, link; setuid, setgid, capset, mount, setns, unshare, ptrace, module_load, bpf, memfd_create, kill; alert; drop. */
  readonly action: string
  /** The process that did it. */
  readonly process: Process | null
  /** The container the process is in; null for host processes. */
  readonly container: Container | null
  /** The pod, as far as the sensor knows it. */
  readonly pod: PodReference | null
  /** On network events: the connection or query. */
  readonly network: Network | null
  /** On file events: the file. */
  readonly file: File | null
  /** On alert events: the other engine's verdict. */
  readonly alert: EngineAlert | null
  /** What else the sensor said that has no field of its own, by the sensor's names. */
  readonly attributes: Readonly<Record<string, string>>
}

/** Sigma's levels. */
export type Severity = 'informational' | 'low' | 'medium' | 'high' | 'critical'

/** A detection matched an event. Value of weir.signals.v1. */
export interface Signal {
  /** Identity, from rule id and event id. */
  readonly id: string
  /** Time of the event, microseconds since the epoch. */
  readonly time: number
  /** The cluster it happened in. */
  readonly cluster: Cluster
  /** Which half of the product saw it. */
  readonly source: SourceType
  /** The rule that matched. */
  readonly rule: SignalRule
  /** Severity of this signal. */
  readonly severity: Severity
  /** Who did what to which workload, in one line. */
  readonly title: string
  /** Signals with the same key tell the same thing. */
  readonly dedup_key: string
  /** The event that matched. */
  readonly event_id: string
  /** Action of the event. */
  readonly action: string
  /** Outcome of the event. */
  readonly outcome: Outcome
  /** ATT&CK tactic names in kebab case, such as credential-access. */
  readonly tactics: ReadonlyArray<string>
  /** ATT&CK technique ids, such as T1552.007. */
  readonly techniques: ReadonlyArray<string>
  /** What the event touches. */
  readonly entities: ReadonlyArray<Entity>
  /** Fields of the event worth showing, by event-model path. */
  readonly evidence: Readonly<Record<string, string>>
  /** For runtime signals: the process and its ancestors, the process first, names being command lines. */
  readonly ancestry: ReadonlyArray<Entity>
  /** Playbook the rule recommends. */
  readonly playbook: string | null
  /** What to look at next, in order. */
  readonly investigation: ReadonlyArray<InvestigationStep>
  /** alert: tells something by itself; part: only counts towards correlations, is not shown and makes no incident; withdrawn: late events showed that it does not hold. */
  readonly role: SignalRole
  /** Of correlations: all halves of the product that saw a part of it. Empty: source alone. */
  readonly sources: ReadonlyArray<SourceType>
  /** Of correlations: ids of the signals it is made of, the first hundred. */
  readonly parts: ReadonlyArray<string>
  /** Of correlations: how many signals it is made of. */
  readonly count: number
  /** Values of the fields that correlations of this rule group by or count, by the names they use. */
  readonly correlation_fields: Readonly<Record<string, ReadonlyArray<string>>>
}

/** What a signal is for. */
export type SignalRole = 'alert' | 'part' | 'withdrawn'

/** A rule, as a signal names it. */
export interface SignalRule {
  /** Rule id, a UUID. */
  readonly id: string
  /** Short code, such as A30 or R23. */
  readonly code: string | null
  /** Title of the rule. */
  readonly title: string
  /** Level of the rule. */
  readonly level: Severity
}

/** The half of the product an event belongs to. */
export type SourceType = 'audit' | 'runtime'

/** What an entry holds. */
export type StateKind = 'signal' | 'incident' | 'clock' | 'marker' | 'part' | 'window' | 'profile' | 'session'

/** A signal, or several that tell the same thing. */
export interface TimelineEntry {
  /** Time of the first, microseconds since the epoch. */
  readonly time: number
  /** Time of the last, microseconds since the epoch. */
  readonly last: number
  /** Which half of the product saw it. */
  readonly source: SourceType
  /** Code of the rule. */
  readonly code: string | null
  /** Title of the signal. */
  readonly title: string
  /** Severity of the signal. */
  readonly severity: Severity
  /** Tactics of the signal. */
  readonly tactics: ReadonlyArray<string>
  /** Ids of the signals. */
  readonly signals: ReadonlyArray<string>
  /** Ids of the events. */
  readonly events: ReadonlyArray<string>
}

/** A workload object, such as a Deployment: for a pod the top of its owner chain. */
export interface Workload {
  /** API kind, such as Deployment, DaemonSet, CronJob, or Pod for a bare pod. */
  readonly kind: string
  /** Object name. */
  readonly name: string
  /** Namespace. */
  readonly namespace: string | null
  /** Object UID. */
  readonly uid: string | null
}
