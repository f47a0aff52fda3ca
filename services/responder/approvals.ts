import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Action, Approval } from '../../schemas/generated/types.ts'
import { messageOf, WeirError } from '../core/errors.ts'
import { RESPONDER_ERRORS, type ResponderErrorCode } from './errors.ts'

export type Verb = 'approve' | 'undo'

/** Who may approve: names and their public keys. */
export type ApprovalKeys = ReadonlyMap<string, KeyObject>

/** How far clocks may differ, milliseconds. */
const CLOCK_SKEW_MS = 60_000

/** What is signed: no part can run into the next, since each is a JSON string or number. */
function signedBytes(plan: Pick<Action, 'id' | 'cluster'>, verb: string, by: string, signed_at: number): Buffer {
  return Buffer.from(JSON.stringify(['weir approval v1', verb, plan.cluster.id, plan.id, by, signed_at]))
}

/** @throws RESPOND_KEY */
export function readPublicKey(file: string): KeyObject {
  return keyOf(file, createPublicKey)
}

/** @throws RESPOND_KEY */
export function readPublicKeys(
  keys: ReadonlyArray<{ readonly name: string; readonly public_key_file: string }>
): ApprovalKeys {
  return new Map(keys.map(({ name, public_key_file }) => [name, readPublicKey(public_key_file)]))
}

/** @throws RESPOND_KEY */
export function readPrivateKey(file: string): KeyObject {
  return keyOf(file, createPrivateKey)
}

function keyOf(file: string, parse: (pem: string) => KeyObject): KeyObject {
  let key: KeyObject
  try {
    key = parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    throw new WeirError(RESPONDER_ERRORS, 'RESPOND_KEY', `key ${file} cannot be read: ${messageOf(cause)}`, { cause })
  }
  if (key.asymmetricKeyType === 'ed25519') return key
  const text = `key ${file} is ${key.asymmetricKeyType ?? 'of an unknown type'}, not Ed25519: make one with \`openssl genpkey -algorithm ed25519\``
  throw new WeirError(RESPONDER_ERRORS, 'RESPOND_KEY', text)
}

/** A person's word for exactly this plan. */
export function signApproval(
  plan: Pick<Action, 'id' | 'cluster'>,
  verb: Verb,
  by: string,
  key: KeyObject,
  now_us: number
): Approval {
  const signature = sign(null, signedBytes(plan, verb, by, now_us), key).toString('base64')
  return { verb, by, signed_at: now_us, signature }
}

/** Why an approval does not count, or null when it does. */
export function refusalOfApproval(
  plan: Pick<Action, 'id' | 'cluster'>,
  approval: Approval | null,
  keys: ApprovalKeys,
  time: { readonly now_ms: number; readonly valid_ms: number }
): { readonly code: ResponderErrorCode; readonly message: string } | null {
  const forged = (message: string) => ({ code: 'RESPOND_APPROVAL_FORGED', message }) as const
  if (approval === null) return forged(`plan ${plan.id} came without an approval`)
  const { verb, by, signed_at, signature } = approval
  if (verb !== 'approve' && verb !== 'undo') return forged('an approval is to approve or to undo')
  const key = keys.get(by)
  if (key === undefined) return forged(`the settings have no approval key of that name`)
  if (!verify(null, signedBytes(plan, verb, by, signed_at), key, Buffer.from(signature, 'base64')))
    return forged(`the signature is not of ${by} for this plan`)
  const age_ms = time.now_ms - signed_at / 1000
  if (age_ms > time.valid_ms || age_ms < -CLOCK_SKEW_MS) {
    const message = `it was signed ${Math.round(age_ms / 1000)} s ago; ${Math.round(time.valid_ms / 1000)} s is the most`
    return { code: 'RESPOND_APPROVAL_OLD', message }
  }
  return null
}
