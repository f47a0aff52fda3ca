import { Command, InvalidArgumentError } from 'commander'
import { stringify } from 'yaml'
import type { Action } from '../../../schemas/generated/types.ts'
import { createCodec } from '../../core/avro/codec.ts'
import { WeirError } from '../../core/errors.ts'
import { ACTIONS, choosePlaybook, planFor, planId } from '../../core/respond/plan.ts'
import { ACTION_NAMES } from '../../core/respond/playbook.ts'
import { renderPlan } from '../../core/respond/render-plan.ts'
import { OPERATOR } from '../../core/respond/requests.ts'
import { RESPONDER_ACCOUNT, responderManifests } from '../../core/respond/roles.ts'
import { createKafka } from '../../platform/kafka/client.ts'
import { createPublisher } from '../../platform/kafka/publisher.ts'
import { readTopic } from '../../platform/kafka/read-topic.ts'
import { type ClusterApi, openClusterApi } from '../../platform/kubernetes/cluster-api.ts'
import { silentLogger } from '../../platform/log.ts'
import { createOpenSearchClient } from '../../platform/opensearch/client.ts'
import { getIncident } from '../../platform/opensearch/queries.ts'
import { createOpenSearch } from '../../platform/opensearch/search.ts'
import { createRegistry } from '../../platform/registry/client.ts'
import { registrySchemas } from '../../platform/registry/registry.ts'
import { loadTopics, withPartitions } from '../../platform/topics.ts'
import { readPrivateKey, signApproval, type Verb } from '../../responder/approvals.ts'
import { RESPONDER_ERRORS } from '../../responder/errors.ts'
import { createGrants, grantedObjects } from '../../responder/grants.ts'
import { createLedger } from '../../responder/ledger.ts'
import { loadPlaybooks } from '../../responder/load-playbooks.ts'
import { lookUp } from '../../responder/look-up.ts'
import { loadWeirSettings, type Settings, type SettingsOptions, withSettings } from '../settings.ts'
import { print, styleFor, widthOf } from '../terminal.ts'

interface JsonOption {
  readonly json?: boolean
}

interface ClusterOptions extends SettingsOptions {
  readonly kubeconfig?: string
}

interface SigningOptions extends ClusterOptions {
  readonly by: string
  readonly key: string
}

const ACTIONS_TOPIC = 'weir.actions.v1'

/** Kafka and the codec of a command that reads and writes actions. */
async function openTopic(settings: Settings) {
  const topics = withPartitions(loadTopics(), settings.kafka.partitions)
  const codec = createCodec(await registrySchemas(createRegistry(settings.registry), topics, settings.registry))
  const kafka = createKafka(settings.kafka, silentLogger)
  return {
    /** Every state of every plan that is kept. */
    async *actions(): AsyncGenerator<Action> {
      for await (const { value } of readTopic(kafka, ACTIONS_TOPIC)) {
        if (value !== null) yield await codec.decode('action', value)
      }
    },
    async publish(action: Action): Promise<void> {
      const publisher = createPublisher(kafka)
      await publisher.publish([
        { topic: ACTIONS_TOPIC, key: action.incident_id, value: codec.encode('action', action) }
      ])
      await publisher.close()
    }
  }
}

/** The cluster with the rights of whoever runs the command. */
async function clusterOf({ kubeconfig }: ClusterOptions, settings: Settings): Promise<ClusterApi> {
  const file = kubeconfig ?? settings.responder.kubeconfig
  const { request_timeout_ms } = settings.responder
  return await openClusterApi({
    ...(file === undefined ? {} : { kubeconfig: file }),
    request_timeout_ms,
    service: 'cli'
  })
}

const withCluster = (command: Command) =>
  withSettings(command).option('--kubeconfig <file>', 'your own access to the cluster', process.env['KUBECONFIG'])

function actionsCommand(): Command {
  return new Command('actions')
    .summary('list what can be done, with what it needs and how it is taken back')
    .option('--json', 'print JSON, an object a line')
    .action(async ({ json }: JsonOption) => {
      const style = styleFor(process.stdout)
      for (const name of ACTION_NAMES) {
        const { plan: _, ...declared } = ACTIONS[name]
        if (json === true) await print(`${JSON.stringify({ name, ...declared })}\n`)
        else {
          const rights = declared.rbac.flatMap(({ apiGroups, resources, verbs }) => [
            `${verbs.join(',')} ${resources.join(',')}${apiGroups[0] === '' ? '' : ` (${apiGroups.join(',')})`}`
          ])
          await print(
            `${style('bold', name)}\n  ${declared.description}\n  acts on: ${declared.parameters}\n  affects: ${declared.blast_radius}\n  only if: ${declared.preconditions}\n  needs:   ${rights.join('; ') || 'no right in the cluster'}\n  undo:    ${declared.undo ?? 'not possible'}\n`
          )
        }
      }
    })
}

function manifestsCommand(): Command {
  return new Command('manifests')
    .summary('print what a cluster needs for the responder to act in it, for `kubectl apply -f -`')
    .option('--namespace <name>', 'where the responder’s account is', 'weir')
    .action(async ({ namespace }: { readonly namespace: string }) => {
      await print(
        responderManifests(namespace)
          .map((manifest) => stringify(manifest, { lineWidth: 0, aliasDuplicateObjects: false }))
          .join('---\n')
      )
    })
}

function planCommand(): Command {
  return withCluster(new Command('plan'))
    .summary('plan what to do about an incident, with the cluster as it is now, and keep the plan for approval')
    .argument('<incident>', 'incident id, or the start of it')
    .option('--json', 'print JSON')
    .option('--show', 'only show it: nothing is kept')
    .action(async (id: string, options: ClusterOptions & JsonOption & { readonly show?: boolean }) => {
      const settings = loadWeirSettings(options)
      const { weir_namespace, playbooks } = settings.responder
      const search = createOpenSearch(createOpenSearchClient(settings.opensearch), settings.opensearch, silentLogger)
      const api = await clusterOf(options, settings)
      try {
        const incident = await getIncident(search, settings.opensearch.index_prefix, id)
        const chosen = choosePlaybook(incident, loadPlaybooks(playbooks))
        const protect = settings.responder.protected_namespaces
        const plan =
          chosen === null
            ? null
            : planFor(incident, await lookUp(api, incident, weir_namespace), {
                ...chosen,
                protected_namespaces: [...chosen.protected_namespaces, ...protect]
              })
        if (plan === null) return await print('there is nothing to do\n')
        if (options.show !== true) await (await openTopic(settings)).publish(plan)
        const style = styleFor(process.stdout)
        const text =
          options.json === true ? JSON.stringify(plan) : renderPlan(plan, { style, width: widthOf(process.stdout) })
        await print(`${text}\n`)
      } finally {
        api.close()
        await search.close()
      }
    })
}

function planPrefix(text: string): string {
  if (/^[0-9a-f]{8,32}$/.test(text)) return text
  throw new InvalidArgumentError('a plan is named by at least the first 8 digits of its id')
}

/** The plan of an id, as it was made; what was changed since is refused. @throws RESPOND_NO_PLAN, RESPOND_PLAN_FORGED */
async function findPlan(actions: AsyncIterable<Action>, prefix: string): Promise<Action> {
  const found = new Map<string, Action>()
  for await (const action of actions) {
    if (action.id.startsWith(prefix) && action.status === 'planned') found.set(action.id, action)
  }
  const [plan, ...others] = [...found.values()]
  if (plan === undefined || others.length > 0) {
    const what = plan === undefined ? 'no plan has' : `${found.size} plans have`
    throw new WeirError(RESPONDER_ERRORS, 'RESPOND_NO_PLAN', `${what} an id that begins with ${prefix}`)
  }
  if (planId(plan) !== plan.id) {
    throw new WeirError(
      RESPONDER_ERRORS,
      'RESPOND_PLAN_FORGED',
      `the steps on the topic are not those of plan ${plan.id}`
    )
  }
  return plan
}

const signing = (command: Command) =>
  withCluster(command)
    .argument('<plan>', 'plan id, or the start of it', planPrefix)
    .requiredOption('--by <name>', 'your name, as `responder.approval_keys` has it')
    .requiredOption('--key <file>', 'your Ed25519 private key, PEM')

async function signAndPublish(prefix: string, verb: Verb, options: SigningOptions): Promise<Action> {
  const settings = loadWeirSettings(options)
  const topic = await openTopic(settings)
  const plan = await findPlan(topic.actions(), prefix)
  const now_us = Date.now() * 1000
  const approval = signApproval(plan, verb, options.by, readPrivateKey(options.key), now_us)
  await topic.publish({ ...plan, status: 'approved', time: now_us, approval })
  return plan
}

function approveCommand(): Command {
  return signing(new Command('approve'))
    .summary('have exactly this plan carried out')
    .action(async (prefix: string, options: SigningOptions) => {
      const plan = await signAndPublish(prefix, 'approve', options)
      await print(
        `plan ${plan.id} approved by ${options.by}: ${plan.steps.length} steps; \`weir incidents ${plan.incident_id.slice(0, 12)}\` shows what becomes of it\n`
      )
    })
}

function undoCommand(): Command {
  return signing(new Command('undo'))
    .summary('have a plan taken back')
    .description(
      'Has the responder take back what it did. What takes rights that it may never have, such as making a pod or a binding again, is done here and now with your own (--kubeconfig).'
    )
    .action(async (prefix: string, options: SigningOptions) => {
      const plan = await signAndPublish(prefix, 'undo', options)
      await print(`undo of plan ${plan.id} asked for by ${options.by}\n`)
      const own = plan.steps.flatMap(({ undo_requests }) => undo_requests).filter(({ to }) => to === OPERATOR)
      if (own.length === 0) return
      const api = await clusterOf(options, loadWeirSettings(options))
      try {
        for (const request of own.toReversed()) {
          const { status, text } = await api.send(request, { purpose: `plan/${plan.id}` })
          const ok = status === 201 || status === 409
          await print(`${request.method} ${request.path}: ${status}${ok ? '' : ` ${text.slice(0, 300)}`}\n`)
          if (!ok) process.exitCode = 1
        }
      } finally {
        api.close()
      }
    })
}

function stopCommand(): Command {
  return withCluster(new Command('stop'))
    .summary('kill switch: from now on the responder changes nothing, until it is lifted')
    .option('--lift', 'let it act again')
    .option('--by <name>', 'who stops it', process.env['USER'] ?? 'somebody')
    .action(async (options: ClusterOptions & { readonly lift?: boolean; readonly by: string }) => {
      const settings = loadWeirSettings(options)
      const api = await clusterOf(options, settings)
      try {
        const ledger = createLedger(api, Date.now, settings.responder.weir_namespace)
        if (options.lift === true) await ledger.resume()
        else await ledger.stop(options.by)
        const by = await ledger.stoppedBy()
        await print(by === null ? 'the responder may act\n' : `stopped by ${by}: the responder changes nothing\n`)
      } finally {
        api.close()
      }
    })
}

function permissionsCommand(): Command {
  return withCluster(new Command('permissions'))
    .summary('show what permissions the responder holds now')
    .option('--json', 'print JSON')
    .action(async (options: ClusterOptions & JsonOption) => {
      const settings = loadWeirSettings(options)
      const api = await clusterOf(options, settings)
      try {
        const account = { namespace: settings.responder.weir_namespace, name: RESPONDER_ACCOUNT }
        const held = await createGrants({ api, now_ms: Date.now, account, max_ms: 0 }).held()
        const objects = await grantedObjects(api)
        if (options.json === true) return await print(`${JSON.stringify({ held, objects })}\n`)
        for (const { slot, plan, expires_ms, places } of held) {
          const where = places
            .map(([namespace, actions]) => `${namespace || 'the cluster'}: ${actions.join(', ')}`)
            .join('; ')
          await print(`${slot}  plan ${plan.slice(0, 12)}  until ${new Date(expires_ms).toISOString()}  in ${where}\n`)
        }
        for (const object of objects) await print(`  ${object}\n`)
        if (held.length === 0 && objects.length === 0) await print('none: nothing is being done\n')
      } finally {
        api.close()
      }
    })
}

export function respondCommand(): Command {
  return new Command('respond')
    .summary('answer incidents: plan, approve, undo, stop')
    .addCommand(actionsCommand())
    .addCommand(manifestsCommand())
    .addCommand(planCommand())
    .addCommand(approveCommand())
    .addCommand(undoCommand())
    .addCommand(stopCommand())
    .addCommand(permissionsCommand())
    .addHelpText(
      'after',
      '\nExamples:\n  weir respond manifests | kubectl apply -f -\n  weir respond plan 3fa9\n  weir respond approve 0c1d2e3f --by alice --key alice.pem\n  weir respond undo 0c1d2e3f --by alice --key alice.pem\n  weir respond stop'
    )
}
