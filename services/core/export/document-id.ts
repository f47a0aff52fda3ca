import { hash } from 'node:crypto'

/** OpenSearch's limit for `_id`, bytes of UTF-8. */
const MAX_ID_BYTES = 512

/** A document id for any identity: the identity itself, or its SHA-256 where OpenSearch would not take it. */
export function documentId(identity: string): string {
  const fits = identity !== '' && identity.isWellFormed() && utf8Length(identity) <= MAX_ID_BYTES
  return fits ? identity : `sha256:${hash('sha256', identity, 'hex')}`
}

/** An upper bound is enough in the common case: no UTF-16 unit takes more than three bytes. */
function utf8Length(value: string): number {
  return value.length * 3 <= MAX_ID_BYTES ? value.length : Buffer.byteLength(value)
}
