import type { Progress } from './progress.ts'
import type { ServerName, ServerPorts } from './settings.ts'

/** A server that ended though nobody asked it to. */
export interface ServerDeath {
  readonly name: ServerName
  /** What happened, with the end of its log. */
  readonly reason: string
}

/** Servers that run, whichever way they were started. */
export interface RunningServers<Name extends ServerName = ServerName> {
  /** kafka `host:port`, registry and opensearch base URLs, redis `redis://host:port`. */
  readonly endpoints: Readonly<Record<Name, string>>
  /** Process id of a server that runs, for tests that do worse things to it than to end it. Null in containers. */
  pid(name: Name): number | null
  /** Ends one server, as an outage; the others go on. */
  halt(name: Name, options?: { signal?: NodeJS.Signals }): Promise<void>
  /** Starts a halted server again on the same port and data. */
  resume(name: Name): Promise<void>
  /** `halt`, then `resume`. */
  restart(name: Name, options?: { signal?: NodeJS.Signals }): Promise<void>
  /** Resolves when a server ends though nobody asked it to; never rejects. Containers are not watched. */
  readonly died: Promise<ServerDeath>
  /** Ends all of them. May be called more than once. */
  stop(): Promise<void>
}

export interface StartOptions {
  /** Folder for downloads, caches, data and logs: `weirHome()`. */
  readonly home: string
  /** Ports that must be as given; `'free'` takes free ones throughout. */
  readonly ports?: Partial<ServerPorts> | 'free'
  readonly progress: Progress
  /** Start with no data. */
  readonly fresh?: boolean
  /** Gives the start up and stops what was started. */
  readonly signal?: AbortSignal
}
