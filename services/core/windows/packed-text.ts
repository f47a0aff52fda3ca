/**
 * Texts as they take least memory: UUIDs and runs of 32 hexadecimal digits, which ids are made of, become 16 characters of one byte
 * each after a mark. The marks are control characters, which text of JSON does not hold as they are.
 */
const HEX_MARK = 1
const UUID_MARK = 2
const IDS = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}/g
/** Bytes of a UUID before which there is a dash. */
const DASHES = [4, 6, 8, 10]
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
const BYTES = 16

const digitOf = (code: number) => (code < 58 ? code - 48 : code - 87)

function packId(id: string): string {
  const codes = new Array<number>(BYTES)
  const isHex = id.length === 2 * BYTES
  for (let byte = 0, at = 0; byte < BYTES; byte += 1, at += 2) {
    if (id.charCodeAt(at) === 45) at += 1
    codes[byte] = digitOf(id.charCodeAt(at)) * 16 + digitOf(id.charCodeAt(at + 1))
  }
  return String.fromCharCode(isHex ? HEX_MARK : UUID_MARK, ...codes)
}

function unpackId(mark: number, packed: string, from: number): string {
  let id = ''
  for (let byte = 0; byte < BYTES; byte += 1) {
    if (mark === UUID_MARK && DASHES.includes(byte)) id += '-'
    id += HEX[packed.charCodeAt(from + byte)] ?? ''
  }
  return id
}

/** @param json text of JSON, without line breaks or other control characters */
export function packText(json: string): string {
  return json.replace(IDS, packId)
}

export function unpackText(packed: string): string {
  let json = ''
  let from = 0
  for (let at = 0; at < packed.length; at += 1) {
    const code = packed.charCodeAt(at)
    if (code !== HEX_MARK && code !== UUID_MARK) continue
    json += packed.slice(from, at) + unpackId(code, packed, at + 1)
    at += BYTES
    from = at + 1
  }
  return json + packed.slice(from)
}
