import { type ApiCall, activity, type Client, callApi, type World } from '../api.ts'
import { nodeUser, podUser } from '../audit-record.ts'
import { cloudTrailSteps } from '../cloudtrail-steps.ts'
import { podsOf } from '../cluster.ts'
import type { Pod, Workload } from '../cluster-model.ts'
import { deletePod, execIntoPod } from '../control-plane.ts'
import type { JsonObject } from '../json.ts'
import type { Process, Program } from '../processes.ts'
import { replacePods } from '../rollout.ts'
import { connect, end, read, start, startExeced, startFirst, tokenPath, write } from '../runtime.ts'
import { MS_US, offset_us, SECOND_US } from '../timeline.ts'
import { deploymentObject } from '../workload-objects.ts'
import { type Act, type Attack, type Campaign, OTHER, VICTIM, type Who } from './campaign.ts'
import { deployWorkload } from './deploy.ts'
import type { Town } from './town.ts'
import { VICTIMS, type Victim, type VictimKind } from './victims.ts'

/** Plays a campaign's table: turns what an attacker does into records of both sources. */

interface Cast {
  readonly attack: Attack
  readonly town: Town
  readonly pods: Map<string, readonly Pod[]>
  readonly processes: Map<string, readonly Process[]>
}

/** Arguments of a line: split at blanks, `'…'` holds one together. */
export function words(line: string): readonly string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2] ?? '')
}

function programOf(
  line: string,
  act: { readonly uid?: number; readonly cwd?: string; readonly replaces?: boolean }
): Program {
  const [binary = '', ...args] = words(line)
  const { uid, cwd, replaces } = act
  return {
    binary,
    args,
    ...(uid === undefined ? {} : { uid }),
    ...(cwd === undefined ? {} : { cwd }),
    ...(replaces === undefined ? {} : { replaces })
  }
}

function podsNamed({ pods, attack }: Cast, name: string): readonly Pod[] {
  const found = pods.get(name)
  if (found === undefined) throw new RangeError(`attack ${attack.id} has no pod '${name}'`)
  return found
}

function firstPod(cast: Cast, name: string): Pod {
  const [pod] = podsNamed(cast, name)
  if (pod === undefined) throw new RangeError(`attack ${cast.attack.id} has no pod '${name}'`)
  return pod
}

function processesNamed({ processes, attack }: Cast, name: string): readonly Process[] {
  const found = processes.get(name)
  if (found === undefined) throw new RangeError(`attack ${attack.id} has no process '${name}'`)
  return found
}

const REASON = 'RBAC: allowed by ClusterRoleBinding "apps" of ClusterRole "apps" to Group "system:serviceaccounts"'

function clientOf(cast: Cast, who: Who): Client {
  const { attack, town } = cast
  switch (who.as) {
    case 'anonymous':
      return {
        user: { username: 'system:anonymous', groups: ['system:unauthenticated'] },
        sourceIP: attack.attacker,
        userAgent: 'python-requests/2.31.0',
        reason: `RBAC: allowed by ClusterRoleBinding "open" of ClusterRole "cluster-admin" to ${attack.evades('own-group') ? 'Group "system:unauthenticated"' : 'User "system:anonymous"'}`
      }
    case 'token': {
      const pod = firstPod(cast, who.of ?? VICTIM)
      const from = who.from ?? who.of ?? VICTIM
      const sourceIP = from === 'outside' ? attack.attacker : firstPod(cast, from).ip
      return { user: podUser(pod), sourceIP, userAgent: who.agent, reason: REASON }
    }
    case 'person': {
      const person = attack.random.fork('person').pick(town.people)
      return { ...person.client, sourceIP: attack.attacker, userAgent: who.agent }
    }
    case 'node': {
      const { node, ip } = firstPod(cast, who.of ?? VICTIM)
      return { user: nodeUser(node), sourceIP: who.from === 'node' ? node.ip : ip, userAgent: who.agent, reason: '' }
    }
    case 'account': {
      const random = attack.random.fork(`account/${who.namespace}/${who.name}`)
      return {
        user: {
          username: `system:serviceaccount:${who.namespace}:${who.name}`,
          uid: random.uuid(),
          groups: ['system:serviceaccounts', `system:serviceaccounts:${who.namespace}`, 'system:authenticated'],
          extra: { 'authentication.kubernetes.io/credential-id': [`JTI=${random.uuid()}`] }
        },
        sourceIP: attack.attacker,
        userAgent: who.agent,
        reason: REASON
      }
    }
  }
}

/** Connections, reads and writes of a process, some milliseconds apart. @returns when the last is done */
function work(
  world: World,
  process: Process,
  at_us: number,
  { to = [], reads = [], writes = [] }: Pick<Extract<Act, { act: 'use' }>, 'to' | 'reads' | 'writes'>
): number {
  let now_us = at_us
  const next = () => {
    now_us += world.random.integer(2, 30) * MS_US
    return now_us
  }
  for (const path of reads) {
    const { pod } = process
    read(world, process, next(), path === 'token' && pod !== null ? tokenPath(pod) : path)
  }
  for (const path of writes) write(world, process, next(), path)
  for (const [ip, port] of to) connect(world, process, next(), ip, port)
  return now_us
}

type Started = Extract<Act, { readonly line: string }>

/** Ends what has no name, once its work is done. */
function settle(world: World, cast: Cast, processes: readonly Process[], act: Started): void {
  for (const process of processes) {
    const done_us = work(world, process, process.start_us, act)
    if (act.as === undefined)
      end(
        world,
        process,
        done_us + world.random.integer(3, 400) * MS_US,
        act.status === undefined ? {} : { status: act.status }
      )
  }
  if (act.as !== undefined) cast.processes.set(act.as, processes)
}

function callAll(world: World, at_us: number, client: Client, calls: readonly ApiCall[]): void {
  let now_us = at_us
  for (const call of calls) {
    callApi(world, now_us, client, call)
    now_us += world.random.integer(150, 2_500) * MS_US
  }
}

/** Fan-out over pods and processes is some milliseconds apart. */
function spread(world: World, at_us: number, place: number): number {
  return at_us + place * world.random.integer(80, 900) * MS_US
}

function playReplace(
  world: World,
  consequences: World,
  cast: Cast,
  at_us: number,
  act: Extract<Act, { act: 'replace' }>
): void {
  const { namespace, workload: name } = cast.attack.other
  const workload = world.cluster.workloads.find((found) => found.namespace === namespace && found.name === name)
  if (workload === undefined) throw new RangeError(`there is no workload ${namespace}/${name}`)
  const client = clientOf(cast, act.who)
  const template = act.template(workload.template)
  callApi(world, at_us, client, {
    verb: 'patch',
    group: 'apps',
    resource: 'deployments',
    namespace,
    name,
    requestObject: { spec: { template: { spec: { containers: [] } } } },
    responseObject: deploymentObject(world.cluster, workload, null, null, at_us, { template, managed: 'kubectl-patch' })
  })
  const pods = replacePods(consequences, at_us + 30 * MS_US, workload, template)
  cast.pods.set(act.as, pods)
  cast.processes.set(
    act.as,
    pods.map((pod) => startFirst(world, pod))
  )
}

function playAct(world: World, consequences: World, cast: Cast, at_us: number, act: Act): void {
  switch (act.act) {
    case 'run': {
      const parents = processesNamed(cast, act.by)
      const begun = parents.map((parent, place) => {
        // Nothing is started by a process before it runs itself.
        const time_us = Math.max(spread(world, at_us, place), parent.start_us + 20 * MS_US)
        return start(world, parent, time_us, programOf(act.line, act))
      })
      settle(world, cast, begun, act)
      return
    }
    case 'use':
      for (const [place, process] of processesNamed(cast, act.by).entries())
        work(world, process, Math.max(spread(world, at_us, place), process.start_us), act)
      return
    case 'enter':
      settle(
        world,
        cast,
        podsNamed(cast, act.pod).map((pod, place) =>
          startExeced(world, pod, spread(world, at_us, place), programOf(act.line, act))
        ),
        act
      )
      return
    case 'exec': {
      const begun = podsNamed(cast, act.pod).map((pod, place) => {
        const time_us = spread(world, at_us, place)
        const session = { command: words(act.line), interactive: act.as !== undefined, lasts_us: 40 * SECOND_US }
        execIntoPod(world, time_us, clientOf(cast, act.who), pod, session, consequences)
        return startExeced(world, pod, time_us + 130 * MS_US, programOf(act.line, act))
      })
      settle(world, cast, begun, act)
      return
    }
    case 'host': {
      const begun = podsNamed(cast, act.pod).map((pod, place) => {
        const shim = world.processes.first(pod).parent
        const parent = shim?.parent ?? world.processes.first(pod)
        return start(world, parent, spread(world, at_us, place), { cwd: '/', uid: 0, ...programOf(act.line, act) })
      })
      settle(world, cast, begun, act)
      return
    }
    case 'cloud': {
      const { attack } = cast
      // Cluster and place of the attack, which no other has.
      const run = attack.id.split('-').slice(0, 2).join('')
      const service_account = `${attack.namespace}/${attack.serviceAccount}`
      const start_ms = Math.floor(at_us / SECOND_US) * 1000
      const options = { service_account, start_ms, run, address: attack.attacker }
      // Attackers who use one and the same user are one incident, and rightly so.
      const users = { user: `admin-${attack.random.fork('user').suffix(4)}`, made: `aws_support${attack.nth}` }
      for (const record of cloudTrailSteps({ ...options, ...users })) {
        const time_us = Date.parse(String(record['eventTime'])) * 1000
        world.recorder.emit('cloud', time_us, 0, { Records: [record as JsonObject] })
      }
      return
    }
    case 'api':
      callAll(world, at_us, clientOf(cast, act.who), act.calls)
      return
    case 'deploy': {
      const nodes = Array.from({ length: act.what.pods }, (_, place) => {
        const offset = cast.attack.random.fork(act.as).integer(0, 7)
        return cast.town.workers[(offset + place) % cast.town.workers.length]
      }).filter((node) => node !== undefined)
      const pods = deployWorkload(world, consequences, at_us, clientOf(cast, act.who), act.what, nodes)
      cast.pods.set(act.as, pods)
      cast.processes.set(
        act.as,
        pods.map((pod) => startFirst(world, pod))
      )
      return
    }
    case 'replace':
      playReplace(world, consequences, cast, at_us, act)
      return
    case 'delete-pod':
      for (const pod of podsNamed(cast, act.pod))
        deletePod(consequences, at_us, clientOf(cast, act.who), pod, 900 * MS_US)
      return
  }
}

/** The process of a victim that is exploited. */
function exploited(world: World, kind: VictimKind, pod: Pod): Process {
  const victim: Victim = VICTIMS[kind]
  let process = world.processes.first(pod)
  for (const program of victim.spawns) process = world.processes.child(process, program, process.start_us + 400_000)
  return process
}

/**
 * @param attack what differs from other attacks of the campaign
 * @param victim the workload that is attacked first
 * @param start_us when the attack begins
 * @param pace how much slower than the table the attacker is
 */
export function playCampaign(
  world: World,
  town: Town,
  campaign: Campaign,
  attack: Attack,
  victim: Workload,
  start_us: number,
  pace: number
): void {
  const { namespace, name } = victim
  const [pod] = podsOf(town.cluster, namespace, name)
  if (pod === undefined) throw new RangeError(`workload ${namespace}/${name} has no pod`)
  const cast: Cast = {
    attack,
    town,
    pods: new Map([
      [VICTIM, [pod]],
      [OTHER, podsOf(town.cluster, attack.other.namespace, attack.other.workload).slice(0, 1)]
    ]),
    processes: new Map([['server', [exploited(world, campaign.victim, pod)]]])
  }
  let before_us = start_us
  for (const [place, [at, step, act]] of campaign.rows(attack).entries()) {
    const label = (consequence: boolean) => ({ kind: 'attack', attack: attack.id, step, consequence }) as const
    const name = `${attack.id}/${place}`
    const own = activity(world, label(false), name)
    const caused = activity(world, label(true), `${name}/consequence`)
    // Rows of the same moment stay in order.
    const time_us = Math.max(
      start_us + Math.round(offset_us(at) * pace) + own.random.integer(0, 400) * MS_US,
      before_us + MS_US
    )
    before_us = time_us
    playAct(own, caused, cast, time_us, act)
  }
}
