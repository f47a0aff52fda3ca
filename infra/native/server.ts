import type { Progress } from '../progress.ts'
import type { ServerName, ServerPorts, ServerSettings } from '../settings.ts'
import type { ServerCommand } from './child.ts'
import type { Java } from './java.ts'

/** What a server needs to know to be fetched and started. */
export interface ServerContext {
  /** Downloads and caches, shared by all runs of this checkout. */
  readonly home: string
  /** This server's own data, made and emptied by the launcher. */
  readonly data: string
  /** Files that are written anew at each start: configuration, temporary files. */
  readonly run: string
  readonly ports: ServerPorts
  /** A further port for the server's inside (controller, transport). */
  readonly inner_port: number
  readonly settings: ServerSettings
  /** True compiles fully at the price of a slower start, for measurements. */
  readonly throughput: boolean
  /** Broker settings over those that always hold. */
  readonly kafka_properties: Readonly<Record<string, string>>
  readonly java: Java
  readonly progress: Progress
  readonly signal: AbortSignal
}

/** One kind of server: how to fetch it, start it and see that it works. */
export interface ServerDefinition {
  readonly name: ServerName
  /** For people: name and version. */
  title(settings: ServerSettings): string
  /** The address clients use, in the form each client library wants. */
  endpoint(ports: ServerPorts): string
  readonly needs_java: boolean
  readonly needs_inner_port: boolean
  /** Fetches what is not there yet; quick when all is there. */
  fetch(context: ServerContext): Promise<void>
  /** Writes the configuration, prepares an empty data folder, and says what to run. */
  prepare(context: ServerContext): Promise<ServerCommand>
  /** Whether the server answers. May throw for "not yet". */
  isReady(context: ServerContext, log: string): Promise<boolean>
  /** Whether a server that still runs has given up, by its log; one that ends by itself then needs none. */
  isHopeless?(log: string): boolean
  /** Why it did not start, read from its log; null when the log does not tell. */
  diagnose(log: string): string | null
}

/**
 * JVM options common to the servers. Classes are kept in a shared archive that the JVM itself makes when the server stops and
 * throws away when Java or a jar has changed: it halves the start.
 *
 * @param archive file of the class archive
 */
export function jvmOptions(archive: string, heap_mb: number, throughput: boolean): string[] {
  return [
    `-Xmx${heap_mb}m`,
    '-XX:+UseSerialGC',
    ...(throughput ? [] : ['-XX:TieredStopAtLevel=1']),
    '-XX:+AutoCreateSharedArchive',
    `-XX:SharedArchiveFile=${archive}`,
    // A JVM that goes on after running out of memory only half works; this way its end is seen.
    '-XX:+ExitOnOutOfMemoryError',
    // The archive's own messages (signed jars it leaves out) are of no use in a server's log.
    '-Xlog:cds=off',
    '-Xlog:cds+dynamic=off',
    '-Xlog:disable',
    '-Xlog:all=error:stderr',
    '-Djava.awt.headless=true',
    '-Dfile.encoding=UTF-8'
  ]
}
