import type { KeyObject } from 'node:crypto'
import type { Action, ApiRequest } from '../../../schemas/generated/types.ts'
import type { Codec } from '../../core/avro/codec.ts'
import { messageOf, WeirError } from '../../core/errors.ts'
import { arrayAt, isObject, parseJson, stringAt } from '../../core/json.ts'
import type { Logger } from '../../platform/log.ts'
import { actionsRefused } from '../../platform/metrics.ts'
import type { OutgoingMessage, Publisher, Stage } from '../../platform/stage.ts'
import { untilAvailable } from '../../platform/until-available.ts'
import { answerOf, COMMAND_VALID_MS, commandKey, isCommand, refusalOfCommand } from '../../responder/commands.ts'
import { createBeside } from './beside.ts'
import { type ContainerFolders, killContainer, setFrozen } from './containers.ts'
import type { AgentActionErrorCode } from './errors.ts'
import { collectEvidence, type EvidenceLimits } from './evidence.ts'
import { killProcessTree, type ProcessTreePorts } from './process-tree.ts'
import { removeStaticPod, restoreStaticPod, type StaticPodFolders } from './static-pods.ts'

/** Commands remembered as done: more than can come within the time that one counts. */
const MAX_REMEMBERED = 10_000
/** Evidence that is asked for at a time; what waits longer than a command counts is not collected any more. */
const MAX_EVIDENCE = 16
const EVIDENCE = '/v1/evidence'

export interface AgentActionsPorts {
  readonly codec: Pick<Codec, 'encode' | 'decode'>
  /** Name of this node. */
  readonly node: string
  readonly cluster_id: string
  /** The responder's public key: nobody else's commands count. */
  readonly key: KeyObject
  readonly static_pods: StaticPodFolders | null
  readonly containers: ContainerFolders
  readonly signal: ProcessTreePorts['signal']
  /** Where evidence is kept, and how much. */
  readonly evidence: EvidenceLimits
  /** Takes the answers to what is done beside other commands. */
  readonly publish: Publisher['publish']
  readonly now_ms: () => number
  readonly log?: Logger
}

export interface AgentActionsStage extends Stage {
  /** Ends what is done beside, with what there is by now, and answers. To be called when the stage has stopped. */
  finish(): Promise<void>
}

/**
 * The agent's hands: does on its node what the responder, and nobody else, asks for on weir.actions.v1, and answers there. Each
 * command once; one that is old, or for another node or cluster, not at all. Evidence takes long, and nothing else waits for it.
 */
export function createAgentActionsStage(ports: AgentActionsPorts): AgentActionsStage {
  const { codec, node, key, now_ms, log } = ports
  const done = new Set<string>()
  const evidence = createBeside(MAX_EVIDENCE)
  const finishing = new AbortController()

  /** @returns what happened; null for what this agent cannot do */
  async function perform({ method, path, body }: ApiRequest, plan: string): Promise<string | null> {
    const what = parseJson(body)
    const container = stringAt(what, 'container_id') ?? ''
    switch (`${method} ${path}`) {
      case 'POST /v1/static-pods/remove':
      case 'POST /v1/static-pods/restore': {
        const namespace = stringAt(what, 'namespace')
        const name = stringAt(what, 'name')
        if (ports.static_pods === null)
          throw new Error('`node_agent.actions.static_pods` does not say where static pods are')
        if (namespace === null || name === null || !isObject(what)) throw new Error('it names no pod')
        const work = path.endsWith('/remove') ? removeStaticPod : restoreStaticPod
        return work(ports.static_pods, { namespace, name })
      }
      case 'POST /v1/containers/kill':
        return killContainer(ports.containers, container, (pid) => ports.signal(pid, 'SIGKILL'))
      case 'POST /v1/processes/kill': {
        const entity_id = stringAt(what, 'entity_id')
        if (entity_id === null) throw new Error('it names no process')
        const { containers: folders, signal } = ports
        return killProcessTree({ folders, node, signal }, { entity_id, container_id: stringAt(what, 'container_id') })
      }
      case `POST ${EVIDENCE}`: {
        const ids = arrayAt(what, 'containers').filter((id) => typeof id === 'string')
        return collectEvidence(
          { folders: ports.containers, node, limits: ports.evidence, now_ms, finish: finishing.signal },
          { pod_uid: stringAt(what, 'pod_uid'), containers: ids, purpose: plan }
        )
      }
      case 'POST /v1/containers/freeze':
        return setFrozen(ports.containers, container, true)
      case 'POST /v1/containers/thaw':
        return setFrozen(ports.containers, container, false)
      default:
        return null
    }
  }

  async function obey(command: Action): Promise<Action | null> {
    const [request, ...more] = command.steps[0]?.requests ?? []
    if (command.cluster.id !== ports.cluster_id || request?.to !== `node-agent/${node}`) return null
    const no = more.length > 0 ? 'a command is one request' : refusalOfCommand(command, key, now_ms())
    if (no === 'old') return null
    if (no !== null) {
      const code: AgentActionErrorCode = 'AGENT_COMMAND_FORGED'
      actionsRefused.inc({ code })
      log?.error({ plan: command.id, path: request.path }, `command refused: ${no}`)
      return null
    }
    if (done.has(commandKey(command))) return null
    done.add(commandKey(command))
    const [oldest] = done
    if (done.size > MAX_REMEMBERED && oldest !== undefined) done.delete(oldest)
    if (request.path !== EVIDENCE) return outcomeOf(command, request)
    const started = evidence.start(() => collect(command, request))
    const full = `${MAX_EVIDENCE} commands for evidence are waiting already`
    return started ? null : answerOf(command, 'failed', full, now_ms() * 1000)
  }

  const messageFor = (answer: Action): OutgoingMessage => {
    return { topic: 'weir.actions.v1', key: answer.incident_id, value: codec.encode('action', answer) }
  }

  function whyNotNow(command: Action): string | null {
    if (finishing.signal.aborted) return 'the agent is being stopped'
    if (refusalOfCommand(command, key, now_ms()) === null) return null
    return 'other evidence was being collected for as long as this command counted'
  }

  /** Does what takes long, and answers when it is done: the command has been acknowledged before. */
  async function collect(command: Action, request: ApiRequest): Promise<void> {
    const no = whyNotNow(command)
    const answer = no === null ? await outcomeOf(command, request) : answerOf(command, 'failed', no, now_ms() * 1000)
    const signal = AbortSignal.any([finishing.signal, AbortSignal.timeout(COMMAND_VALID_MS)])
    try {
      await untilAvailable(
        () => ports.publish([messageFor(answer)]),
        { signal, heartbeat: async () => {} },
        (error, attempt) => {
          if (attempt === 1) log?.warn({ error, plan: command.id }, 'an answer is not published yet')
        }
      )
    } catch (error) {
      log?.error({ error, plan: command.id }, `an answer could not be published: ${messageOf(error)}`)
    }
  }

  async function outcomeOf(command: Action, request: ApiRequest): Promise<Action> {
    try {
      const message = await perform(request, command.id)
      if (message === null) {
        return answerOf(command, 'skipped', `the agent of node ${node} cannot do ${request.path}`, now_ms() * 1000)
      }
      log?.warn({ plan: command.id, path: request.path }, message)
      return answerOf(command, 'done', message, now_ms() * 1000)
    } catch (error) {
      return answerOf(command, 'failed', messageOf(error), now_ms() * 1000)
    }
  }

  return {
    name: `node-agent-actions.${node}`,
    inputs: ['weir.actions.v1'],
    handle: async ({ messages }) => {
      const outputs: OutgoingMessage[] = []
      for (const { value } of messages) {
        if (value === null) continue
        try {
          const action = await codec.decode('action', value)
          const answer = isCommand(action) ? await obey(action) : null
          if (answer !== null) outputs.push(messageFor(answer))
        } catch (error) {
          // What cannot be decoded is a dead letter of the responder.
          if (!(error instanceof WeirError) || error.retriable) throw error
        }
      }
      return outputs
    },
    finish: async () => {
      finishing.abort()
      await evidence.settled()
    }
  }
}
