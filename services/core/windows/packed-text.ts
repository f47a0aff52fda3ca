/**
 * Texts as they take least memory: UUIDs and runs of 32 hexadecimal digits, which ids are made of, become 16 characters of one byte
 * each after a mark. The marks are control characters, which text of JSON does not hold as they are.
 */
const HEX_MARK = '\u0001'
const UUID_MARK = '\u0002'
const IDS = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}/g
// biome-ignore lint/suspicious/noControlCharactersInRegex: the marks
const MARKED = /([\u0001\u0002])([\s\S]{16})/g
const DASHES = [8, 12, 16, 20]
const BYTES = 16

const digitOf = (code: number) => (code < 58 ? code - 48 : code - 87)

function packId(id: string): string {
  const codes = new Array<number>(BYTES)
  const isHex = id.length === 2 * BYTES
  for (let byte = 0, at = 0; byte < BYTES; byte += 1, at += 2) {
    if (id.charCodeAt(at) === 45) at += 1
    codes[byte] = digitOf(id.charCodeAt(at)) * 16 + digitOf(id.charCodeAt(at + 1))
  }
  return (isHex ? HEX_MARK : UUID_MARK) + String.fromCharCode(...codes)
}

function unpackId(mark: string, bytes: string): string {
  let hex = ''
  for (let at = 0; at < BYTES; at += 1) hex += bytes.charCodeAt(at).toString(16).padStart(2, '0')
  if (mark === HEX_MARK) return hex
  const cuts = [0, ...DASHES, 2 * BYTES]
  return cuts
    .slice(1)
    .map((cut, place) => hex.slice(cuts[place], cut))
    .join('-')
}

/** @param json text of JSON, without line breaks or other control characters */
export function packText(json: string): string {
  return json.replace(IDS, packId)
}

export function unpackText(packed: string): string {
  return packed.replace(MARKED, (_, mark: string, bytes: string) => unpackId(mark, bytes))
}
