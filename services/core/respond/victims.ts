import type { CausalityNode, Incident, Workload } from '../../../schemas/generated/types.ts'
import type { PlanFacts } from './facts.ts'
import { isObjectName, isPathSegmentName, scopedName } from './names.ts'

/** A process that began what was seen below it. */
export interface RootProcess {
  readonly entity_id: string
  readonly command: string
  readonly container_id: string | null
}

/** A pod that the attack runs in, or made. */
export interface PodVictim {
  readonly uid: string | null
  readonly namespace: string
  readonly name: string
  /** Null when it is not known. */
  readonly node: string | null
  /** What keeps it alive, of kind Pod for a bare pod; null when it is not known. */
  readonly workload: Workload | null
  readonly service_account: string | null
  /** Made by the kubelet from a file on the node. */
  readonly isStatic: boolean
  readonly containers: ReadonlyArray<{ readonly id: string; readonly name: string }>
  readonly processes: readonly RootProcess[]
}

/** A process on a node, in no container that is known. */
export interface HostProcess extends RootProcess {
  readonly node: string
}

/** An object other than a pod or workload that the attack made or, for secrets, read. */
export interface ObjectVictim {
  /** Plural of the API, such as rolebindings. */
  readonly resource: string
  /** Null for what is in no namespace. */
  readonly namespace: string | null
  readonly name: string
  /** Whether the attack made it. */
  readonly made: boolean
}

export interface Victims {
  readonly pods: readonly PodVictim[]
  /** Workloads of those pods, and those the attack made. */
  readonly workloads: readonly Workload[]
  readonly hostProcesses: readonly HostProcess[]
  /** namespace/name of accounts that acted or whose token was read. */
  readonly serviceAccounts: readonly string[]
  /** Names of nodes that processes of the attack run on outside of pods. */
  readonly nodes: readonly string[]
  readonly objects: readonly ObjectVictim[]
  /** What cannot be acted on, and why. */
  readonly notes: readonly string[]
}

/** Identity of the entity that a node stands for: node ids are made of its type and it. */
function entityIdOf({ id, type }: CausalityNode): string {
  return id.slice(type.length + 1)
}

/** `Kind/namespace/name` taken apart; null when it is not that. */
export function workloadOf(name: string): Workload | null {
  const [kind, ...rest] = name.split('/')
  const scoped = scopedName(rest.join('/'))
  if (kind === undefined || !/^[A-Z][A-Za-z0-9]{0,62}$/.test(kind) || scoped === null) return null
  return { kind, namespace: scoped.namespace, name: scoped.name, uid: null }
}

interface Tree {
  readonly nodes: ReadonlyMap<string, CausalityNode>
  readonly children: ReadonlyMap<string, readonly CausalityNode[]>
}

function treeOf({ causality }: Incident): Tree {
  const nodes = new Map(causality.map((node) => [node.id, node]))
  const children = Map.groupBy(causality, ({ parent }) => parent ?? '')
  return { nodes, children }
}

/** What is not in a pod but came out of it: an identity, what it asked for, and what was made of that. */
const BEYOND: ReadonlySet<string> = new Set(['service_account', 'request', 'workload', 'pod'])

/** What is in a pod (or runs on a node): containers, processes and what they reached for, from the top. */
function* within(tree: Tree, top: CausalityNode): Generator<CausalityNode> {
  const pending = [top]
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    yield node
    const children = (tree.children.get(node.id) ?? []).filter(({ type }) => !BEYOND.has(type))
    pending.push(...children.toReversed())
  }
}

function above(tree: Tree, node: CausalityNode, type: string): CausalityNode | null {
  for (
    let parent = tree.nodes.get(node.parent ?? '');
    parent !== undefined;
    parent = tree.nodes.get(parent.parent ?? '')
  ) {
    if (parent.type === type) return parent
  }
  return null
}

/** The topmost processes below a node that signals were seen on: killing their trees leaves what was there before alive. */
function rootProcesses(tree: Tree, top: CausalityNode): readonly RootProcess[] {
  const found: RootProcess[] = []
  const covered = new Set<string>()
  for (const node of within(tree, top)) {
    const parentCovered = node.parent !== null && covered.has(node.parent)
    if (parentCovered) covered.add(node.id)
    if (node.type !== 'process' || node.signals.length === 0 || parentCovered) continue
    covered.add(node.id)
    const container = above(tree, node, 'container')
    found.push({
      entity_id: entityIdOf(node),
      command: node.name,
      container_id: container === null ? null : entityIdOf(container)
    })
  }
  return found
}

/** Whether a request of the incident made what stands below it. */
function wasMade(tree: Tree, node: CausalityNode): boolean {
  const parent = tree.nodes.get(node.parent ?? '')
  return parent?.type === 'request' && /^[a-z]+:create(?: |$)/.test(parent.name)
}

const BINDINGS: ReadonlySet<string> = new Set(['rolebindings', 'clusterrolebindings'])

/** What a request of the incident did to an object below it: its resource and verb. */
function requestAbove(tree: Tree, node: CausalityNode): { readonly resource: string; readonly verb: string } | null {
  const parent = tree.nodes.get(node.parent ?? '')
  const match = parent?.type === 'request' ? /^([a-z]+):([a-z]+)(?: (?!.*\(refused\)$)|$)/.exec(parent.name) : null
  const [, resource, verb] = match ?? []
  return resource === undefined || verb === undefined ? null : { resource, verb }
}

/** Bindings, secrets and cluster objects that the incident is about. Names that cannot be names are left out. */
function objectVictims(incident: Incident, tree: Tree): readonly ObjectVictim[] {
  const found: ObjectVictim[] = []
  for (const node of incident.causality) {
    const request = requestAbove(tree, node)
    if (request === null) continue
    const made = request.verb === 'create'
    const id = entityIdOf(node)
    if (node.type === 'role_binding' && BINDINGS.has(request.resource)) {
      const [first = '', second] = id.split('/')
      const [namespace, name] = second === undefined ? [null, first] : [first, second]
      if (isPathSegmentName(name) && (namespace === null || isObjectName(namespace)))
        found.push({ resource: request.resource, namespace, name, made })
    } else if (node.type === 'secret') {
      const scoped = scopedName(id)
      if (scoped !== null) found.push({ resource: 'secrets', ...scoped, made })
    } else if (node.type === 'object') {
      const [resource = '', name = '', ...rest] = id.split('/')
      if (rest.length === 0 && resource === request.resource && isPathSegmentName(name))
        found.push({ resource, namespace: null, name, made })
    }
  }
  return found
}

/**
 * What an incident says is to be acted on: pods that something happened in or whose token was used, pods and workloads
 * that the attack made, service accounts that acted or whose token was read.
 */
export function victimsOf(incident: Incident, facts: PlanFacts): Victims {
  const tree = treeOf(incident)
  const notes: string[] = []
  const actors = new Set(
    incident.entities.filter(({ type, role }) => type === 'pod' && role === 'actor').map(({ id }) => id)
  )

  const pods: PodVictim[] = []
  const workloads = new Map<string, Workload>()
  const hostProcesses: HostProcess[] = []
  const keep = (workload: Workload) => {
    const text = `${workload.kind}/${workload.namespace}/${workload.name}`
    if (scopedName(`${workload.namespace}/${workload.name}`) !== null) workloads.set(text, workload)
    else notes.push(`workload ${text} is left alone: that is not the name of a workload`)
  }
  for (const node of incident.causality) {
    const id = entityIdOf(node)
    if (node.type === 'workload' && wasMade(tree, node)) {
      const made = workloadOf(node.name)
      if (made === null) notes.push(`workload ${node.name} is left alone: that is not the name of a workload`)
      else keep(made)
    } else if (node.type === 'pod' && (actors.has(id) || wasMade(tree, node))) {
      const scoped = scopedName(node.name)
      if (scoped === null) {
        notes.push(`pod ${node.name} is left alone: its namespace and name are not known, or not valid names`)
        continue
      }
      const known = facts.pods.find(
        ({ pod }) => pod.uid === id || (pod.namespace === scoped.namespace && pod.name === scoped.name)
      )
      const workload = known?.workload ?? (node.owner === null ? null : workloadOf(node.owner))
      const hostNode = known?.pod.node ?? node.node
      const isBare = workload?.kind === 'Pod'
      if (workload !== null && !isBare) keep(workload)
      const below = [...within(tree, node)]
      pods.push({
        ...scoped,
        uid: id === node.name ? (known?.pod.uid ?? null) : id,
        node: hostNode !== null && isObjectName(hostNode) ? hostNode : null,
        workload,
        service_account: known?.pod.service_account ?? null,
        // The kubelet names what it makes from a file after the file and the node.
        isStatic: isBare && hostNode !== null && scoped.name.endsWith(`-${hostNode}`),
        containers: below
          .filter(({ type }) => type === 'container')
          .map((one) => ({ id: entityIdOf(one), name: one.name })),
        processes: rootProcesses(tree, node)
      })
    } else if (node.type === 'node' && isObjectName(node.name)) {
      for (const process of rootProcesses(tree, node)) {
        if (process.container_id === null) hostProcesses.push({ ...process, node: node.name })
      }
    }
  }
  const serviceAccounts = incident.entities
    .filter(({ type, role }) => type === 'service_account' && role !== 'context')
    .map(({ id }) => id)
  return {
    pods,
    workloads: [...workloads.values()],
    hostProcesses,
    serviceAccounts,
    nodes: [...new Set(hostProcesses.map(({ node }) => node))],
    objects: objectVictims(incident, tree),
    notes
  }
}
