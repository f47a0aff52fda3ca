import type { Permission } from '../../schemas/generated/types.ts'
import { WeirError } from '../core/errors.ts'
import { arrayAt, isObject, parseJson, stringAt } from '../core/json.ts'
import { grants as allows, rolesOf } from '../core/respond/permissions.ts'
import { ACTIONS } from '../core/respond/plan.ts'
import { ACTION_NAMES, type ActionName } from '../core/respond/playbook.ts'
import { corePath, groupClusterPath, groupPath } from '../core/respond/requests.ts'
import { PERMISSION_NAMESPACE, roleOfAction, SLOTS, type Slot, seedOf } from '../core/respond/roles.ts'
import type { ClusterAnswer, ClusterApi } from '../platform/kubernetes/cluster-api.ts'
import { RESPONDER_ERRORS } from './errors.ts'
import { sendPatiently } from './send.ts'

const RBAC = 'rbac.authorization.k8s.io'
const MANAGED = { 'app.kubernetes.io/managed-by': 'weir', 'weir.io/grant': 'true' } as const
const PLAN = 'weir.io/plan'
const EXPIRES = 'weir.io/expires'
const PLACES = 'weir.io/places'
/** Least time the API server gives a token, seconds: it is void earlier, when its account is deleted. */
const TOKEN_SECONDS = 600
/** How long the API server's authoriser may take to see what was just made, milliseconds. */
const AUTHORISER_LAG_MS = 5_000

/** Where something was made for a plan: a namespace, or the empty string, and the actions whose roles were bound there. */
type Place = readonly [namespace: string, actions: readonly ActionName[]]

/** Permissions as they are held now. */
export interface Grant {
  readonly slot: Slot
  readonly plan: string
  /** Milliseconds since the epoch. */
  readonly expires_ms: number
  readonly places: readonly Place[]
}

export interface GrantPorts {
  readonly api: ClusterApi
  readonly now_ms: () => number
  /** Account of the responder itself. */
  readonly account: { readonly namespace: string; readonly name: string }
  /** Longest that a plan may hold permissions, milliseconds. */
  readonly max_ms: number
  /** Called before each step of taking and giving back, for tests that end the process there. */
  readonly checkpoint?: (name: string) => void
}

const accountPath = (slot?: Slot) =>
  corePath(PERMISSION_NAMESPACE, 'serviceaccounts', ...(slot === undefined ? [] : [slot]))

function rbacPath(namespace: string, kind: 'role' | 'rolebinding', ...name: readonly string[]): string {
  return namespace === ''
    ? groupClusterPath(RBAC, 'v1', `cluster${kind}s`, ...name)
    : groupPath(RBAC, 'v1', namespace, `${kind}s`, ...name)
}

/** Which actions' roles hold rights: the least that must be bound for a moment, to make a role of these rights. */
function actionsFor(permissions: readonly Permission[]): readonly ActionName[] {
  const found = new Set<ActionName>()
  for (const permission of permissions) {
    const action = ACTION_NAMES.find((name) => ACTIONS[name].rbac.some((rule) => allows(rule, permission)))
    if (action === undefined) {
      const text = `no action declares ${permission.verb} ${permission.resource}`
      throw new WeirError(RESPONDER_ERRORS, 'RESPOND_PERMISSION', text)
    }
    found.add(action)
  }
  return [...found]
}

function grantOf(slot: Slot, account: unknown): Grant {
  const annotation = (key: string) => stringAt(account, 'metadata', 'annotations', key)
  const parsed = parseJson(annotation(PLACES))
  const places = (Array.isArray(parsed) ? parsed : []).flatMap((place: unknown): readonly Place[] => {
    if (!Array.isArray(place)) return []
    const [namespace, actions] = place as readonly unknown[]
    return [[String(namespace), ACTION_NAMES.filter((name) => Array.isArray(actions) && actions.includes(name))]]
  })
  return { slot, plan: annotation(PLAN) ?? '', expires_ms: Number(annotation(EXPIRES) ?? 0), places }
}

/** Just-in-time permissions: taken for one plan, given back after it, and swept up after a crash. */
export function createGrants({ api, now_ms, account, max_ms, checkpoint = () => {} }: GrantPorts) {
  async function must(
    what: string,
    answer: Promise<ClusterAnswer>,
    ...fine: readonly number[]
  ): Promise<ClusterAnswer> {
    const got = await answer
    if ((got.status >= 200 && got.status < 300) || fine.includes(got.status)) return got
    const text = `${what}: ${got.status} ${stringAt(got.body, 'message') ?? got.text.slice(0, 200)}`
    throw new WeirError(RESPONDER_ERRORS, 'RESPOND_PERMISSION', text)
  }

  const patience = { lag_ms: AUTHORISER_LAG_MS, deadline_ms: 20_000 }
  const create = (path: string, body: unknown, lag = false) =>
    sendPatiently(
      api,
      { method: 'POST', path, body: JSON.stringify(body) },
      {},
      lag ? patience : { ...patience, lag_ms: 0 }
    )
  const remove = (path: string) =>
    must(
      `${path} could not be deleted`,
      sendPatiently(api, { method: 'DELETE', path }, {}, { ...patience, lag_ms: 0 }),
      404
    )

  async function read(slot: Slot): Promise<Grant | null> {
    const answer = await must(
      'a slot could not be read',
      sendPatiently(api, { method: 'GET', path: accountPath(slot) }, {}, patience),
      404
    )
    return answer.status === 404 ? null : grantOf(slot, answer.body)
  }

  /** Takes everything away that was made for a slot; what gives rights goes first, the record of it last. */
  async function release({ slot, places }: Pick<Grant, 'slot' | 'places'>): Promise<void> {
    for (const [namespace, actions] of places) {
      checkpoint(`release ${namespace}`)
      await remove(rbacPath(namespace, 'rolebinding', slot))
      for (const action of actions) await remove(rbacPath(namespace, 'rolebinding', seedOf(slot, action)))
      await remove(rbacPath(namespace, 'role', slot))
    }
    checkpoint('release account')
    await remove(accountPath(slot))
  }

  /** Takes a slot, atomically: its account can be made once. */
  async function takeSlot(plan: string, places: readonly Place[]): Promise<Grant | null> {
    for (const slot of SLOTS) {
      const expires_ms = now_ms() + max_ms
      const annotations = { [PLAN]: plan, [EXPIRES]: String(expires_ms), [PLACES]: JSON.stringify(places) }
      const body = {
        apiVersion: 'v1',
        kind: 'ServiceAccount',
        metadata: { name: slot, labels: MANAGED, annotations },
        automountServiceAccountToken: false
      }
      for (let tries = 0; tries < 2; tries += 1) {
        const answer = await must(`slot ${slot} could not be taken`, create(accountPath(), body), 409)
        if (answer.status !== 409) return { slot, plan, expires_ms, places }
        const holder = await read(slot)
        // Of this very plan: it was begun before a crash.
        if (holder !== null && holder.plan !== plan && holder.expires_ms > now_ms()) break
        if (holder !== null) await release(holder)
      }
    }
    return null
  }

  async function grantPlace(slot: Slot, place: Place, permissions: readonly Permission[]): Promise<void> {
    const [namespace, actions] = place
    const cluster = namespace === '' ? 'Cluster' : ''
    const metadata = (name: string) => ({ name, ...(namespace === '' ? {} : { namespace }), labels: MANAGED })
    const binding = (
      name: string,
      kind: string,
      role: string,
      subject: { readonly namespace: string; readonly name: string }
    ) => ({
      apiVersion: `${RBAC}/v1`,
      kind: `${cluster}RoleBinding`,
      metadata: metadata(name),
      roleRef: { apiGroup: RBAC, kind, name: role },
      subjects: [{ kind: 'ServiceAccount', ...subject }]
    })
    const bindings = rbacPath(namespace, 'rolebinding')
    for (const action of actions) {
      checkpoint(`seed ${action}`)
      const body = binding(seedOf(slot, action), 'ClusterRole', roleOfAction(action), account)
      await must(`role ${roleOfAction(action)} could not be bound`, create(bindings, body), 409)
    }
    checkpoint('role')
    const rules = rolesOf(permissions).get(namespace) ?? []
    const role = { apiVersion: `${RBAC}/v1`, kind: `${cluster}Role`, metadata: metadata(slot), rules }
    await must('the role of the plan could not be made', create(rbacPath(namespace, 'role'), role, true), 409)
    checkpoint('binding')
    const subject = { namespace: PERMISSION_NAMESPACE, name: slot }
    await must(
      'the role of the plan could not be bound',
      create(bindings, binding(slot, `${cluster}Role`, slot, subject), true),
      409
    )
    for (const action of actions) await remove(rbacPath(namespace, 'rolebinding', seedOf(slot, action)))
  }

  /**
   * Takes exactly these rights for a plan.
   * @returns a token that has them, and what to give back
   * @throws RESPOND_NO_SLOT, RESPOND_PERMISSION; nothing is left behind then
   */
  async function take(
    plan: string,
    permissions: readonly Permission[]
  ): Promise<{ readonly grant: Grant; readonly token: string }> {
    const places = [...Map.groupBy(permissions, ({ namespace }) => namespace ?? '')].map(
      ([namespace, wanted]): Place => [namespace, actionsFor(wanted)]
    )
    checkpoint('account')
    const grant = await takeSlot(plan, places)
    if (grant === null) {
      const text = `all ${SLOTS.length} slots for permissions are taken`
      throw new WeirError(RESPONDER_ERRORS, 'RESPOND_NO_SLOT', text)
    }
    try {
      for (const place of places) await grantPlace(grant.slot, place, permissions)
      checkpoint('token')
      const body = {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: { expirationSeconds: TOKEN_SECONDS }
      }
      const answer = await must('no token could be had', create(`${accountPath(grant.slot)}/token`, body))
      const token = stringAt(answer.body, 'status', 'token')
      if (token === null)
        throw new WeirError(RESPONDER_ERRORS, 'RESPOND_PERMISSION', 'the API server answered with no token')
      return { grant, token }
    } catch (error) {
      await release(grant)
      throw error
    }
  }

  /** What is held now. */
  async function held(): Promise<readonly Grant[]> {
    const all = await Promise.all(SLOTS.map(read))
    return all.filter((grant) => grant !== null)
  }

  return {
    take,
    release,
    held,
    /** Gives back what a plan holds, if it does: it may have been begun before a crash. */
    async releaseOf(plan: string): Promise<void> {
      for (const grant of await held()) if (grant.plan === plan) await release(grant)
    },
    /**
     * Gives back what nobody has given back in time.
     * @returns what it found
     */
    async sweep(): Promise<readonly Grant[]> {
      const late = (await held()).filter(({ expires_ms }) => expires_ms <= now_ms())
      for (const grant of late) await release(grant)
      return late
    }
  }
}

export type Grants = ReturnType<typeof createGrants>

/**
 * Everything in the cluster that bears the label of permissions, whoever made it and whatever the slots say.
 * @returns such as `RoleBinding shop/weir-jit-0`
 */
export async function grantedObjects(api: ClusterApi): Promise<readonly string[]> {
  const query = `?labelSelector=${encodeURIComponent('weir.io/grant=true')}`
  const paths = [
    ...['rolebindings', 'clusterrolebindings', 'roles', 'clusterroles'].map((resource) =>
      groupClusterPath(RBAC, 'v1', resource)
    ),
    accountPath()
  ]
  const lists = await Promise.all(paths.map((path) => api.send({ method: 'GET', path: `${path}${query}` })))
  return lists.flatMap(({ status, body }) => {
    if (status === 403) return []
    const kind = (stringAt(body, 'kind') ?? 'List').replace(/List$/, '')
    return arrayAt(body, 'items')
      .filter(isObject)
      .map((item) => {
        const namespace = stringAt(item, 'metadata', 'namespace')
        return `${kind} ${namespace === null ? '' : `${namespace}/`}${stringAt(item, 'metadata', 'name') ?? '?'}`
      })
  })
}
