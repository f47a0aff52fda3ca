/** Values remembered for each function; when there are more, all are forgotten. */
const MOST = 512
/** Longer texts are not worth the memory: a slice of a text keeps all of it. */
const LONGEST = 1_024

/**
 * Remembers what a function of a text has given, for texts that come again and again: who sends events decides which, so that memory
 * is bounded. What is given is shared and not to be changed.
 * @param read gives the same for the same text; what it throws is thrown and not remembered
 */
export function remembered<Value>(read: (text: string) => Value): (text: string) => Value {
  const values = new Map<string, Value>()
  return (text) => {
    if (text.length > LONGEST) return read(text)
    const known = values.get(text)
    if (known !== undefined || values.has(text)) return known as Value
    const value = read(text)
    if (values.size >= MOST) values.clear()
    values.set(text, value)
    return value
  }
}
