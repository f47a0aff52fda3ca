import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Action, RecordedEvent } from './action.ts'
import { shownBy } from './action.ts'
import { addressOf, asActor, asAdmin, type Cluster } from './cluster.ts'

/** An action's events, as lines of the API server's own log. */
export interface Recording {
  readonly lines: readonly string[]
  /** What the actor's shell printed. */
  readonly printed: string
}

/** Size of the audit log now. */
export function endOf(log: string): number {
  const file = openSync(log, 'r')
  try {
    return fstatSync(file).size
  } finally {
    closeSync(file)
  }
}

/** Whole lines of the audit log from a byte on. */
export function linesFrom(log: string, start: number): string[] {
  const file = openSync(log, 'r')
  try {
    const bytes = Buffer.alloc(fstatSync(file).size - start)
    readSync(file, bytes, 0, bytes.length, start)
    return bytes.toString('utf8').split('\n').slice(0, -1)
  } finally {
    closeSync(file)
  }
}

/**
 * Values that let somebody in must never be committed. The policy keeps them out of events; this looks again.
 * @throws when a line holds something like a JSON web token or a private key
 */
export function refuseSecrets(lines: readonly string[], what: string): void {
  for (const line of lines) {
    const found = /eyJ[\w-]{10,}\.eyJ|PRIVATE KEY-----|LS0tLS1CRUdJTiBQUklWQVRF/.exec(line)
    if (found !== null) throw new Error(`${what}: an event holds a credential (${found[0].slice(0, 12)}…)`)
  }
}

/**
 * Does an action on a cluster and gives the events it caused: those whose source is the action's place, and what `also` names.
 * @throws when something in `holds` did not happen
 */
export async function record(cluster: Cluster, action: Action): Promise<Recording> {
  const { code, name, actor, place = 'attacker', before, run, after, also, settle_s, holds } = action
  const address = addressOf(cluster, place)
  try {
    if (before !== undefined) asAdmin(cluster, before)
    const start = endOf(cluster.auditLog)
    const printed = asActor(cluster, actor, place, run)
    await sleep(300 + (settle_s ?? 0) * 1000)
    const lines = linesFrom(cluster.auditLog, start).filter((line) => {
      const event: RecordedEvent = JSON.parse(line)
      return event.sourceIPs?.at(-1) === address || also?.(event) === true
    })
    const shown = new Set(lines.map((line) => shownBy(JSON.parse(line))))
    const missing = holds.filter((held) => !shown.has(held))
    if (missing.length > 0) {
      throw new Error(
        `${code} ${name} lacks ${missing.join(', ')}; it has ${[...shown].join(', ')}\n${printed.slice(0, 600)}`
      )
    }
    refuseSecrets(lines, `${code} ${name}`)
    return { lines, printed }
  } finally {
    if (after !== undefined) asAdmin(cluster, after, false)
  }
}
