import { describe, eventError } from './errors.ts'

/**
 * Reads JSON text that a record carries inside. What it gives may hold a key `__proto__` as any other key; nothing here
 * copies objects in a way that would make it more than that.
 * @param what the text's place, for the message
 * @throws EVENT_TEXT_INVALID
 */
export function parseJsonText(text: unknown, what: string): unknown {
  if (typeof text !== 'string') throw eventError('EVENT_TEXT_INVALID', `${what} is ${describe(text)}, not JSON text`)
  try {
    return JSON.parse(text)
  } catch (error) {
    throw eventError('EVENT_TEXT_INVALID', `${what} is not JSON: it starts with ${describe(text)}`, { cause: error })
  }
}
