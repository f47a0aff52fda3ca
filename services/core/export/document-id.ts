import { hash } from 'node:crypto'

/** OpenSearch's limit for `_id`, bytes of UTF-8. */
const MAX_ID_BYTES = 512

/** A document id for any identity: the identity itself, or its SHA-256 where OpenSearch would not take it. */
export function documentId(identity: string): string {
  const fits = identity !== '' && identity.isWellFormed() && Buffer.byteLength(identity) <= MAX_ID_BYTES
  return fits ? identity : `sha256:${hash('sha256', identity, 'hex')}`
}
