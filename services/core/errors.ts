/** One entry of a closed list of errors: what happened in general, and whether trying again can help. */
export interface ErrorDefinition {
  readonly description: string
  readonly retriable: boolean
}

export type ErrorList<Code extends string> = Readonly<Record<Code, ErrorDefinition>>

/**
 * The error of all of Weir. `code` comes from a closed list (one per area: `CODEC_ERRORS`, `KAFKA_ERRORS`, …) and is stable:
 * dead letters, metrics and scripts route on it. `message` is for people and may change.
 */
export class WeirError<Code extends string = string> extends Error {
  readonly code: Code
  readonly retriable: boolean

  /**
   * @param list the closed list `code` is from
   * @param code stable code, upper snake case
   * @param message what happened to what, and how to mend it where that is known
   * @param options `cause`: the error underneath
   */
  constructor(list: ErrorList<Code>, code: Code, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'WeirError'
    this.code = code
    this.retriable = list[code].retriable
  }

  override toString(): string {
    return `${this.code}: ${this.message}`
  }
}

/** Message of anything thrown, for logs and dead letters: never throws itself. */
export function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message
  try {
    return String(error)
  } catch {
    return 'unprintable error'
  }
}
