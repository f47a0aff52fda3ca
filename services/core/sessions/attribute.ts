import type { Entity, Signal } from '../../../schemas/generated/types.ts'
import { EARLIEST_START_US } from './match.ts'
import type { SessionActor } from './session-facts.ts'
import type { Session, SessionState } from './state.ts'
import { whoseText } from './words.ts'

const MAX_TITLE_CHARACTERS = 300

/** The session a signal's container is all of, at that time. The latest to begin counts. */
function containerSession(state: SessionState, { entities, time }: Signal): Session | null {
  const pod = entities.find(({ type, role }) => type === 'pod' && role === 'actor')
  const container = entities.find(({ type }) => type === 'container')
  const known = pod === undefined ? undefined : state.pods.get(pod.name)
  if (known === undefined || container === undefined) return null
  let found: Session | null = null
  for (const session of known.sessions) {
    const { containers, time: begun, ended, pod_uid } = session.request
    if (session.start !== null || !containers.includes(container.name)) continue
    if (pod_uid !== null && pod !== undefined && pod.id !== pod.name && pod.id !== pod_uid) continue
    if (time >= begun - EARLIEST_START_US && time <= (ended ?? Number.POSITIVE_INFINITY)) found = session
  }
  return found
}

/** The session that what a signal tells of was done in, or that it opened; null when there is none or it is not known. */
export function sessionOf(state: SessionState, signal: Signal): Session | null {
  for (const { id } of signal.ancestry) {
    const session = state.byProcess.get(id)
    // A process that came in without a request is nobody's, whoever else is in the container.
    if (session !== undefined) return session
  }
  if (signal.ancestry.length === 0) return state.byEvent.get(signal.event_id) ?? null
  return containerSession(state, signal)
}

/** The session as one more thing that ties signals together. */
export function sessionEntity(session: Session, role: Entity['role']): Entity {
  return { type: 'exec_session', id: session.id, name: `${whoseText(session)} in ${session.pod}`, role }
}

/** Who is behind a session. Accounts and credentials tie nothing by themselves: the session does. */
export function peopleOf({ identity, address, credential }: SessionActor, role: Entity['role']): readonly Entity[] {
  return [
    { ...identity, role: identity.type === 'service_account' ? 'context' : role },
    ...(address === null ? [] : [{ ...address, role: 'context' as const }]),
    ...(credential === null ? [] : [{ ...credential, role: 'context' as const }])
  ]
}

const ROLE_STRENGTH = { actor: 2, target: 1, context: 0 } as const

/** Entities of a signal and further ones; what is there already has the stronger role of both. */
export function withEntities(entities: readonly Entity[], further: readonly Entity[]): readonly Entity[] {
  const all = [...entities]
  for (const entity of further) {
    const at = all.findIndex(({ type, id }) => type === entity.type && id === entity.id)
    const known = all[at]
    if (known === undefined) all.push(entity)
    else if (ROLE_STRENGTH[entity.role] > ROLE_STRENGTH[known.role]) all[at] = { ...known, role: entity.role }
  }
  return all
}

/** What a signal shows of the session it belongs to. */
export function sessionEvidence({ request, others }: Session): Readonly<Record<string, string>> {
  const { identity, address, credential, groups } = request.actor
  return {
    'session.actor': identity.name,
    'session.groups': groups.join(', '),
    ...(address === null ? {} : { 'session.source_address': address.id }),
    ...(credential === null ? {} : { 'session.credential': credential.id }),
    ...(others.length === 0 ? {} : { 'session.ambiguous': others.map((other) => other.identity.name).join(', ') })
  }
}

/**
 * The signal with the person whose session it was in: in its title, and among its entities with the address, the credential and the
 * session itself, which ties it to the request and to all else in the session. A signal of the request only gets the session.
 * @returns the signal itself when it was in no session that is known
 */
export function attributed(state: SessionState, signal: Signal): Signal {
  const session = sessionOf(state, signal)
  if (session === null) return signal
  if (signal.source === 'audit' && signal.ancestry.length === 0)
    return { ...signal, entities: withEntities(signal.entities, [sessionEntity(session, 'target')]) }
  const people = [
    ...peopleOf(session.request.actor, session.others.length === 0 ? 'actor' : 'context'),
    ...session.others.flatMap((other) => peopleOf(other, 'context'))
  ]
  // What a correlation only has in its context ties nothing.
  const role = signal.parts.length > 0 ? 'target' : 'context'
  return {
    ...signal,
    title: `${whoseText(session)}: ${signal.title}`.slice(0, MAX_TITLE_CHARACTERS).toWellFormed(),
    entities: withEntities(signal.entities, [sessionEntity(session, role), ...people]),
    evidence: { ...signal.evidence, ...sessionEvidence(session) }
  }
}
