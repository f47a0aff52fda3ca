import type { Entity } from '../../../schemas/generated/types.ts'
import { plainLine } from '../detect/plain-text.ts'
import type { SessionActor } from './session-facts.ts'
import type { Session } from './state.ts'

const MAX_CHARACTERS = 160
const MAX_OTHERS = 3

const identityText = ({ type, name }: Entity): string =>
  type === 'user' ? name : `${type === 'service_account' ? 'service account' : type} ${name}`

function actorText({ identity, address }: SessionActor): string {
  return `${identityText(identity)}${address === null ? '' : ` (${address.name})`}`
}

/** Whose session it is: `alice (10.0.0.5)`, or several where it cannot be told. */
export function whoseText({ request, others }: Pick<Session, 'request' | 'others'>): string {
  const all = [request.actor, ...others]
  const shown = all.slice(0, MAX_OTHERS).map(actorText).join(' or ')
  return plainLine(all.length > MAX_OTHERS ? `${shown} or somebody else` : shown, MAX_CHARACTERS)
}

/** Where it is: `shop/web-1, container web`. */
export function placeText(pod: string, container: string | null): string {
  return plainLine(container === null ? pod : `${pod}, container ${container}`, MAX_CHARACTERS)
}
