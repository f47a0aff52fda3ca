import { hash } from 'node:crypto'
import type { CausalityNode, Entity, EntityType, Signal } from '../../../schemas/generated/types.ts'
import { severityRank } from '../severity.ts'
import type { Canonical } from './entities.ts'
import { listed, plainText } from './text.ts'

/** Most nodes of a tree; signals of what has no node any more are shown on the nearest cause that has one. */
const MAX_NODES = 200
const MAX_NAME_BYTES = 200

interface Draft {
  readonly id: string
  readonly parent: string | null
  readonly type: string
  readonly name: string
  readonly signals: Set<string>
  readonly children: Draft[]
  /** Of pods: where they run and what owns them, from the first signal that says so. */
  node: string | null
  owner: string | null
}

interface Forest {
  readonly roots: Draft[]
  readonly nodes: Map<string, Draft>
  /** Ids that found no room. */
  readonly dropped: Set<string>
}

const digest = (parts: unknown) => hash('sha256', JSON.stringify(parts)).slice(0, 16)

/**
 * The node with this id, made below `parent` when it is new: a cause comes before its effects, so where a thing first shows up
 * decides what it hangs from, and later ones change nothing. Hence there are no cycles.
 */
function place(forest: Forest, id: string, parent: Draft | null, type: string, name: string): Draft | null {
  const known = forest.nodes.get(id)
  if (known !== undefined) return known
  if (forest.nodes.size >= MAX_NODES) {
    forest.dropped.add(id)
    return parent
  }
  const shown = plainText(name === '' ? id : name, MAX_NAME_BYTES)
  const node: Draft = {
    id,
    parent: parent?.id ?? null,
    type,
    name: shown,
    signals: new Set(),
    children: [],
    node: null,
    owner: null
  }
  forest.nodes.set(id, node)
  if (parent === null) forest.roots.push(node)
  else parent.children.push(node)
  return node
}

function first(signal: Signal, type: EntityType, role?: Entity['role']): Entity | undefined {
  return signal.entities.find((entity) => entity.type === type && (role === undefined || entity.role === role))
}

/** Kinds of targets that stand below a request, outer things first, so that a new pod hangs from its new workload. */
const OBJECT_TYPES: readonly EntityType[] = [
  'node',
  'workload',
  'pod',
  'service_account',
  'cloud_identity',
  'secret',
  'role_binding',
  'object'
]

function addAudit(forest: Forest, signal: Signal, canonical: Canonical): void {
  const idOf = (entity: Entity) => `${entity.type}:${canonical(entity)}`
  let cause: Draft | null = null

  const pod = first(signal, 'pod', 'actor')
  if (pod !== undefined) cause = place(forest, idOf(pod), null, 'pod', pod.name)
  const account = first(signal, 'service_account', 'actor')
  const identity =
    account ??
    first(signal, 'user', 'actor') ??
    first(signal, 'node', 'actor') ??
    first(signal, 'cloud_identity', 'actor')
  if (identity !== undefined) {
    // An account that is used from two pods stands below each of them.
    const within = account !== undefined && pod !== undefined ? `@${idOf(pod)}` : ''
    cause = place(forest, `${idOf(identity)}${within}`, cause, identity.type, identity.name)
  }

  const targets = signal.entities.filter(({ type, role }) => role === 'target' && OBJECT_TYPES.includes(type))
  const failed = signal.outcome === 'failure'
  const names = targets.map(({ name, id }) => (name === '' ? id : name))
  const requestId = `request:${digest([cause?.id ?? null, signal.action, failed, targets.map(idOf)])}`
  const name = `${signal.action}${names.length > 0 ? ` ${listed(names, 3)}` : ''}${failed ? ' (refused)' : ''}`
  const request = place(forest, requestId, cause, 'request', name)
  request?.signals.add(signal.id)
  // What was refused caused nothing.
  if (failed) return
  let within = request
  for (const target of targets.toSorted((a, b) => OBJECT_TYPES.indexOf(a.type) - OBJECT_TYPES.indexOf(b.type))) {
    const node = place(forest, idOf(target), target.type === 'pod' ? within : request, target.type, target.name)
    if (target.type === 'workload') within = node
  }
}

/** What stands above a container's first process on the host. */
const HOST_PROCESS =
  /^(?:\S*\/)?(?:systemd|init|containerd|containerd-shim\S*|conmon|crio|dockerd|docker-containerd\S*|runc|crun)(?:\s|$)/

/**
 * @param ancestry the process first
 * @param inPod whether the container runtime above the container is to be left out
 * @returns the outermost first, the process last
 */
function processTree(ancestry: readonly Entity[], inPod: boolean): readonly Entity[] {
  const outermostFirst = ancestry.toReversed()
  if (!inPod) return outermostFirst
  // Only from the outside in: a process that merely calls itself containerd stays where it is.
  const start = outermostFirst.findIndex(({ name }, at) => at === outermostFirst.length - 1 || !HOST_PROCESS.test(name))
  return start === -1 ? [] : outermostFirst.slice(start)
}

function addRuntime(forest: Forest, signal: Signal, canonical: Canonical): void {
  const idOf = (entity: Entity) => `${entity.type}:${canonical(entity)}`
  const below = (parent: Draft | null, entity: Entity | undefined) =>
    entity === undefined ? parent : place(forest, idOf(entity), parent, entity.type, entity.name)

  const pod = first(signal, 'pod', 'actor') ?? first(signal, 'pod')
  const container = first(signal, 'container')
  const workload = first(signal, 'workload')
  // A bare pod is its own workload.
  const isBare = workload !== undefined && (workload.id === pod?.id || workload.name.startsWith('Pod/'))
  const owner = isBare ? undefined : workload
  let cause = below(below(below(null, owner), pod), container)
  // Between the container and the process tree stands whoever came in.
  cause = below(cause, first(signal, 'exec_session'))
  const known = pod === undefined ? undefined : forest.nodes.get(idOf(pod))
  if (known !== undefined) {
    known.node ??= first(signal, 'node')?.name ?? null
    known.owner ??= workload?.name ?? null
  }
  if (cause === null) cause = below(null, first(signal, 'node'))
  for (const ancestor of processTree(signal.ancestry, pod !== undefined))
    cause = below(cause, { ...ancestor, type: 'process' })
  if (signal.ancestry.length === 0) cause = below(cause, first(signal, 'process'))
  cause?.signals.add(signal.id)

  const process = cause
  for (const target of signal.entities) {
    if (target.role !== 'target') continue
    if (target.type === 'service_account') {
      // The token was read here: what the account does through the API afterwards, from this pod, hangs from the reader.
      const within = pod === undefined ? '' : `@${idOf(pod)}`
      place(forest, `${idOf(target)}${within}`, process, target.type, target.name)?.signals.add(signal.id)
    } else if (target.type === 'indicator' || target.type === 'object' || target.type === 'secret') {
      // Two processes that reach for the same thing have a node each: a tree cannot join again.
      const id = `${target.type}:${digest([idOf(target), process?.id ?? null])}`
      place(forest, id, process, target.type, target.name)?.signals.add(signal.id)
    }
  }
}

export interface Causality {
  /** A node's parent stands before it. */
  readonly nodes: readonly CausalityNode[]
  /** Nodes that found no room. */
  readonly dropped: number
}

function forestOf(signals: readonly Signal[], canonical: Canonical): Forest {
  const forest: Forest = { roots: [], nodes: new Map(), dropped: new Set() }
  for (const signal of signals) {
    if (signal.source !== 'runtime') addAudit(forest, signal, canonical)
    else addRuntime(forest, signal, canonical)
  }
  return forest
}

/**
 * Who caused what: identity → request → object → workload → pod → container → session → process tree → address or file; and from a
 * process that read a token on to the service account and its requests.
 * More than 200 nodes do not fit: those of the least severe signals are left out first, then the latest.
 * @param signals by time, then id
 * @param canonical gives entities their id within the incident
 */
export function causalityOf(signals: readonly Signal[], canonical: Canonical): Causality {
  const whole = forestOf(signals, canonical)
  const all = whole.nodes.size + whole.dropped.size
  let forest = whole
  // What happened beside gives way before what was worth a look, so that the end of a long attack is in its tree, too.
  for (const level of ['low', 'medium'] as const) {
    if (forest.dropped.size === 0) break
    const some = signals.filter(({ severity }) => severityRank(severity) >= severityRank(level))
    if (some.length > 0) forest = forestOf(some, canonical)
  }
  const nodes: CausalityNode[] = []
  const pending = forest.roots.toReversed()
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    const { children: _children, signals: seen, ...rest } = node
    nodes.push({ ...rest, signals: [...seen] })
    pending.push(...node.children.toReversed())
  }
  return { nodes, dropped: all - forest.nodes.size }
}
