/**
 * How well a process fits the command that was asked for: 0 another program; 1 one of the two is not known; 2 the same program;
 * 3 the same program with the same arguments.
 */
type CommandFit = 0 | 1 | 2 | 3

/** The kernel keeps this much of a program's name, and some sensors know no more. */
const SHORT_NAME_CHARACTERS = 15
/** Longer texts are cut, with a hash at the end, where signals carry them. */
const COMPARED_CHARACTERS = 200

/** Sensors differ in how they quote arguments when they join them. */
const plain = (text: string): string =>
  text
    .replace(/["'\\]/g, '')
    .replace(/\s+/g, ' ')
    .trim()

interface Command {
  readonly program: string
  readonly rest: string
}

function commandOf(text: string): Command {
  const blank = text.indexOf(' ')
  const first = blank === -1 ? text : text.slice(0, blank)
  return { program: first.slice(first.lastIndexOf('/') + 1), rest: blank === -1 ? '' : text.slice(blank + 1) }
}

const isSameProgram = (asked: string, ran: string): boolean =>
  asked === ran || (ran.length === SHORT_NAME_CHARACTERS && asked.startsWith(ran))

const isSameText = (asked: string, ran: string): boolean =>
  asked === ran ||
  (Math.min(asked.length, ran.length) >= COMPARED_CHARACTERS &&
    asked.slice(0, COMPARED_CHARACTERS) === ran.slice(0, COMPARED_CHARACTERS))

/**
 * Compares the command of a request with the command line of a process.
 * @param asked arguments with blanks between them; null when the log does not have the request's query
 * @param ran the command line as a sensor gives it, the executable or its name first; null when it is not known
 */
export function commandFit(asked: string | null, ran: string | null): CommandFit {
  if (asked === null || ran === null) return 1
  const wanted = commandOf(plain(asked))
  const found = commandOf(plain(ran))
  if (isSameProgram(wanted.program, found.program)) return isSameText(wanted.rest, found.rest) ? 3 : 2
  // A script is run by its interpreter and an applet by busybox: the program that was asked for comes second.
  const inner = commandOf(found.rest)
  return wanted.program === inner.program && isSameText(wanted.rest, inner.rest) ? 3 : 0
}
