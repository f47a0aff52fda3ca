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
  /** Who had the plan carried out or taken back; null for plans, and for automatic ones. */
  readonly approval: Approval | null
  /** Why it was refused or failed: error code, colon, message. */
  readonly reason: string | null
  /** What became of the steps so far, in the order in which it did. */
  readonly results: ReadonlyArray<StepResult>
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
  /** Identity, from the plan's and its place: a step is done once, however often it is delivered. */
  readonly id: string
  /** What the requests to the API server and those of the undo need, and nothing else. */
  readonly permissions: ReadonlyArray<Permission>
  /** What could break. */
  readonly risks: ReadonlyArray<string>
  /** The exact API requests of the undo, in order; empty where it takes people. */
  readonly undo_requests: ReadonlyArray<ApiRequest>
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

/** Answer to a request. */
export interface ApiResponse {
  /** HTTP method. */
  readonly method: string
  /** Path. */
  readonly path: string
  /** HTTP status; 0 without an answer. */
  readonly status: number
  /** The answer, cut short, where it is evidence. */
  readonly body: string | null
}

/** The word of a person for exactly one plan. */
export interface Approval {
  /** approve or undo. */
  readonly verb: string
  /** Name of the key, which is the name of who holds it. */
  readonly by: string
  /** When, microseconds since the epoch. */
  readonly signed_at: number
  /** Ed25519 over verb, cluster id, plan id, name and time; base64. */
  readonly signature: string
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

/** Events of a cloud account's trail that one collector received together. Value of weir.cloud.v1. */
export interface CloudBatch {
  /** The cluster the events have to do with: that of their account, by the settings. */
  readonly cluster: Cluster
  /** Whose trail it is: cloudtrail. */
  readonly provider: string
  /** Name of the collector instance. */
  readonly collector: string
  /** When the collector received the batch, microseconds since the epoch. */
  readonly received: number
  /** The events, in the order of arrival. */
  readonly events: ReadonlyArray<CloudEvent>
}

/** One event of a cloud account's own trail. Fields up to additionalEventData have the names and meaning of CloudTrail's record, so that paths written for CloudTrail hold here; those after it are what Weir works out when it decodes the record. */
export interface CloudEvent {
  /** Identity that the cloud gave the event; with account and region the identity here. */
  readonly eventID: string
  /** When the request was made, microseconds since the epoch. CloudTrail has whole seconds. */
  readonly eventTime: number
  /** Service that was asked, such as sts.amazonaws.com. */
  readonly eventSource: string
  /** Operation that was asked for, such as AssumeRoleWithWebIdentity. */
  readonly eventName: string
  /** AwsApiCall, AwsServiceEvent, AwsConsoleSignIn and others. */
  readonly eventType: string | null
  /** Management, Data, Insight or NetworkActivity. */
  readonly eventCategory: string | null
  /** Whether the operation only reads; null where the record does not say. */
  readonly readOnly: boolean | null
  /** Region the request was made in. */
  readonly awsRegion: string | null
  /** Account whose trail has the event. */
  readonly recipientAccountId: string | null
  /** Where the request came from: an address, or the name of an AWS service that asked for somebody. */
  readonly sourceIPAddress: string | null
  /** VPC endpoint the request came through. */
  readonly vpcEndpointId: string | null
  /** User agent, as the client gave it; never to be trusted. */
  readonly userAgent: string | null
  /** Code of the error the service answered with; null when it did what it was asked. */
  readonly errorCode: string | null
  /** Message of that error. */
  readonly errorMessage: string | null
  /** Who asked. */
  readonly userIdentity: CloudIdentity
  /** Resources the request is about, where CloudTrail lists them. */
  readonly resources: ReadonlyArray<CloudResource>
  /** Parameters of the request as JSON text; null where the record has none, or more than is kept. */
  readonly requestParameters: string | null
  /** What the service answered as JSON text, session tokens and secrets left out; null for most operations that only read. */
  readonly responseElements: string | null
  /** What the service adds, such as MFAUsed. */
  readonly additionalEventData: Readonly<Record<string, string>>
  /** The cloud. */
  readonly provider: string
  /** Name of the role session that asked; for EC2 instances the instance's id. */
  readonly session_name: string | null
  /** Id of the access key that the service gave out with this request. */
  readonly issued_key_id: string | null
  /** The workload of a cluster that asked, or that a session is issued for. */
  readonly workload: CloudWorkload | null
  /** What sort of source: service (AWS itself), private, cluster (one of the cluster's known addresses), outside (public, and the cluster's addresses are known to be others), public (public, and the cluster's addresses are not known), other. */
  readonly source_kind: string | null
  /** What Weir says about its own reading of the record, under weir.io/. */
  readonly notes: Readonly<Record<string, string>>
}

/** An identity of a cloud account, as CloudTrail's userIdentity has it. */
export interface CloudIdentity {
  /** Root, IAMUser, AssumedRole, FederatedUser, WebIdentityUser, AWSService, AWSAccount and others. */
  readonly type: string | null
  /** Unique id; of a role session the id of the role, a colon and the name of the session. */
  readonly principalId: string | null
  /** ARN of the user or role session. */
  readonly arn: string | null
  /** Account the identity belongs to. */
  readonly accountId: string | null
  /** Id of the access key the request was signed with. It names the credential and is no secret. */
  readonly accessKeyId: string | null
  /** Name of the user; of a web identity its subject, such as system:serviceaccount:shop:web. */
  readonly userName: string | null
  /** AWS service that asked for the identity. */
  readonly invokedBy: string | null
  /** Of a web identity: who issued its token. */
  readonly identityProvider: string | null
  /** Of temporary credentials: how they came about. */
  readonly sessionContext: CloudSessionContext | null
}

/** A resource of the cloud. */
export interface CloudResource {
  /** ARN. */
  readonly ARN: string | null
  /** Account of its owner. */
  readonly accountId: string | null
  /** Type, such as AWS::S3::Object. */
  readonly type: string | null
}

/** How a session came about. */
export interface CloudSessionContext {
  /** Role or user that the session is of. */
  readonly sessionIssuer: CloudSessionIssuer | null
  /** Of a session that a web identity token was exchanged for. */
  readonly webIdFederationData: CloudWebIdentity | null
  /** creationDate and mfaAuthenticated of the session. */
  readonly attributes: Readonly<Record<string, string>>
  /** Version of the instance metadata service that gave the credentials out. */
  readonly ec2RoleDelivery: string | null
  /** Identity that was set when the first role of a chain was taken. */
  readonly sourceIdentity: string | null
}

/** What issued a session. */
export interface CloudSessionIssuer {
  /** Role, User or Root. */
  readonly type: string | null
  /** Unique id of the role or user. */
  readonly principalId: string | null
  /** ARN of the role or user. */
  readonly arn: string | null
  /** Account of the role or user. */
  readonly accountId: string | null
  /** Name of the role or user. */
  readonly userName: string | null
}

/** The issuer of a web identity. */
export interface CloudWebIdentity {
  /** ARN of the provider of the token, such as the OIDC provider of a cluster. */
  readonly federatedProvider: string | null
  /** Attributes of the token that CloudTrail keeps. */
  readonly attributes: Readonly<Record<string, string>>
}

/** A pod's place in its cluster, as the cloud knows it: from the subject of a web identity or the session tags of EKS Pod Identity. */
export interface CloudWorkload {
  /** namespace/name of the service account. */
  readonly service_account: string | null
  /** Namespace. */
  readonly namespace: string | null
  /** Name of the pod (EKS Pod Identity). */
  readonly pod_name: string | null
  /** UID of the pod (EKS Pod Identity). */
  readonly pod_uid: string | null
  /** ARN of the cluster (EKS Pod Identity). */
  readonly cluster_arn: string | null
  /** OIDC issuer of the cluster (web identity). */
  readonly issuer: string | null
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

/** How a container is. */
export interface ContainerState {
  /** Name of the container in its pod. */
  readonly name: string
  /** created, waiting, running or terminated. */
  readonly state: string
  /** Why it waits or ended, in the API's word, such as CrashLoopBackOff. */
  readonly reason: string | null
  /** Start of its process, microseconds since the epoch. */
  readonly started: number | null
  /** How often it was started again. */
  readonly restarts: number
}

/** One entry of the correlator's state. Value of weir.state.v1, the latest per key counts; a tombstone forgets the key. Which signals belong together is not stored: it follows from the signals. */
export interface CorrelatorState {
  /** Key within the cluster, also the tail of the message key: signal/ID, incident/ID, clock, part/ID, parts/NUMBER, window/RULE/GROUP, profile/RULE/KEY, verdict/SIGNAL, session/ID. */
  readonly key: string
  /** The cluster, empty for markers. */
  readonly cluster_id: string
  /** signal: a signal that is remembered; incident: what was last published of an incident; clock: the watermark of a cluster; marker: end of a restore; part: a signal, or many, that count towards correlations; window: what a correlation has told of a group; profile: what is known of an identity, namespace or cluster; verdict: what analysts said of the incident that began with a signal; session: a signal that tells of a session or of a process that begins one, or what was told of the sessions of a pod. */
  readonly kind: StateKind
  /** The signal, its texts cut to the correlator's bounds. */
  readonly signal: Signal | null
  /** Id of the full group the signal lies in: such a group takes no more signals. Null while it can still grow. */
  readonly sealed: string | null
  /** Link keys by which the signal does not join earlier ones any more, because the signals that showed the key to be a hub were forgotten. */
  readonly cut_keys: ReadonlyArray<string>
  /** What was last published of an incident. */
  readonly published: PublishedIncident | null
  /** Of windows, profiles and verdicts: what is known, as JSON. */
  readonly document: string | null
  /** Of parts: many signals in few bytes, as services/core/windows/part-block.ts writes them. */
  readonly packed: Uint8Array | null
  /** Latest event time seen, microseconds since the epoch. */
  readonly watermark: number
}

/** A signal that counts towards one correlation of a cluster whose windows are spread, or the time of that cluster. Value of weir.parts.v1. */
export interface CountedPart {
  /** The cluster. */
  readonly cluster_id: string
  /** Id of the correlation it counts towards, and of no other; empty where there is no signal. */
  readonly correlation: string
  /** The signal, its texts cut to the correlator's bounds; null where only time goes on. */
  readonly signal: Signal | null
  /** Without a signal: latest event time that the correlator has seen of the cluster, microseconds since the epoch. */
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
  /** The event, if it is an event of a cloud account's trail. */
  readonly cloud: CloudEvent | null
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
  /** What was done, in one word: runtime action, resource/subresource:verb, or service:Operation of the cloud. */
  readonly action: string
  /** success, failure, or unknown. */
  readonly outcome: Outcome
  /** Who did it through the API. */
  readonly actor: Actor | null
  /** Address the request to the Kubernetes or cloud API came from. */
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
  /** Audit log of Kubernetes, runtime sensor, or trail of the cloud account. */
  readonly type: SourceType
  /** kubernetes, eks, gke or aks for audit; cloudtrail for cloud; the sensor's name for runtime. */
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
  /** The latest verdict about its status. */
  readonly verdict: Verdict | null
  /** Who looks into it. */
  readonly assignee: string | null
}

/** State of an incident. */
export type IncidentStatus = 'open' | 'closed' | 'merged'

/** What is known of one Kubernetes object. Value of weir.inventory.v1; a later record of the same key replaces it. */
export interface InventoryRecord {
  /** The object's cluster. */
  readonly cluster: Cluster
  /** API kind: Pod, Node, Deployment, ReplicaSet, Service, ServiceAccount, …; Container for what a node agent says of one container of the pod that owns it; Image for an image that containers run. */
  readonly kind: string
  /** Object UID; the runtime's id of a Container, the digest or id of an Image. */
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
  /** IP addresses that mean this object: of a pod, a node, a service, the endpoints of a slice. */
  readonly addresses: ReadonlyArray<string>
  /** Other objects it names: role and subjects of a binding, the pods of an endpoint slice, the service of a webhook. */
  readonly references: ReadonlyArray<InventoryReference>
  /** What else is kept of its kind: phase of a pod; selector and type of a service or network policy; url, resources and failure policy of a webhook; cloud identity of a service account; kubelet, runtime and image of a node; digest and repository of an image; state and times of a container. */
  readonly attributes: Readonly<Record<string, string>>
  /** For pods, and for containers with themselves alone: the part of spec and status that detections and responses need. */
  readonly pod: PodState | null
}

/** An object that another one names. */
export interface InventoryReference {
  /** What it is to the other: role, subject, endpoint, service. */
  readonly relation: string
  /** API kind; User and Group for subjects that are no objects. */
  readonly kind: string
  /** Name. */
  readonly name: string
  /** Namespace. */
  readonly namespace: string | null
  /** Object UID, where the naming object has it. */
  readonly uid: string | null
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

/** One right in the terms of Kubernetes RBAC. */
export interface Permission {
  /** Where; null for what is in no namespace. */
  readonly namespace: string | null
  /** API group, empty for the core API. */
  readonly api_group: string
  /** Resource, with /subresource. */
  readonly resource: string
  /** Verb. */
  readonly verb: string
  /** The one object; null where it has no name yet, or for a list. */
  readonly name: string | null
}

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
  /** How the containers are, by name; missing where nobody has said so yet. */
  readonly statuses: ReadonlyArray<ContainerState>
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
  /** How the process tree came into the container: entrypoint, exec (kubectl exec, attach or a runtime's own exec), probe (probe or lifecycle hook), host, runtime (what the container runtime does itself before it runs the container's program); null when the source does not say. */
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
  /** Sequence number of the first event, from 1 on, as a decimal string; the others follow without gap. 0 for events that have none. */
  readonly first_sequence: string
  /** Which numbering that is: numbers of the same cluster, node, sensor and numbering have no gap. Begun anew with a new spool of the agent; null where nobody keeps the numbers. */
  readonly numbering: string | null
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
  /** What was done: exec, exec_failed, fork, exit; connect, accept, listen, close, dns; open_write, read, rename, unlink, chmod, link; setuid, setgid, capset, mount, setns, unshare, ptrace, module_load, bpf, memfd_create, kill; alert; drop, gap, heartbeat. */
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
  /** alert: tells something by itself; part: only counts towards correlations, is not shown and makes no incident; withdrawn: late events showed that it does not hold; verdict: no detection, but what an analyst says of an incident. */
  readonly role: SignalRole
  /** Of correlations: all halves of the product that saw a part of it. Empty: source alone. */
  readonly sources: ReadonlyArray<SourceType>
  /** Of correlations: ids of the signals it is made of, the first hundred. */
  readonly parts: ReadonlyArray<string>
  /** Of correlations: how many signals it is made of. */
  readonly count: number
  /** Values of the fields that correlations of this rule group by or count, by the names they use. */
  readonly correlation_fields: Readonly<Record<string, ReadonlyArray<string>>>
  /** What an analyst says of an incident; on this topic so that it is in order with the signals. */
  readonly verdict: Verdict | null
}

/** What a signal is for. */
export type SignalRole = 'alert' | 'part' | 'withdrawn' | 'verdict'

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

/** Where an event comes from. A reader that does not know a source takes it for an audit log. */
export type SourceType = 'audit' | 'runtime' | 'cloud'

/** What an entry holds. */
export type StateKind = 'signal' | 'incident' | 'clock' | 'marker' | 'part' | 'window' | 'profile' | 'verdict' | 'session'

/** What became of a step. */
export interface StepResult {
  /** The step; empty for the plan as a whole. */
  readonly step_id: string
  /** intended (about to be done), done, already (it was so before), failed, skipped, undone, held (nothing came back), recreated (something did), traced (who brought it back). */
  readonly outcome: string
  /** When, microseconds since the epoch. */
  readonly time: number
  /** In one line, for people. */
  readonly message: string
  /** What the API server answered. */
  readonly responses: ReadonlyArray<ApiResponse>
}

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

/** What an analyst says of an incident. */
export interface Verdict {
  /** Identity: a verdict that comes twice counts once. */
  readonly id: string
  /** When it was given, microseconds since the epoch. */
  readonly time: number
  /** The incident, by its id at that time. */
  readonly incident: string
  /** close: it is dealt with; reopen: it is not; assign: who looks into it; suppress: close it, and keep it closed whatever joins it until a time. */
  readonly action: VerdictAction
  /** Who says so. */
  readonly by: string
  /** Of assign: who looks into it; null for nobody. */
  readonly assignee: string | null
  /** Of suppress: until when, microseconds since the epoch. */
  readonly until: number | null
  /** Why, in the analyst's words. */
  readonly reason: string | null
}

/** What to do about an incident. */
export type VerdictAction = 'close' | 'reopen' | 'assign' | 'suppress'

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
