import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import type { Action, Actor, Place } from './action.ts'

/** One file of recordings, as `index.json` tells of it. */
export interface Entry {
  readonly code: string
  readonly file: string
  readonly does: string
  readonly actor: Actor
  readonly place: Place
  /** The shell that was run. */
  readonly commands: readonly string[]
  /** What the file shows, each as `VERB RESOURCE[/SUBRESOURCE] CODE`. */
  readonly holds: readonly string[]
  readonly events: number
  readonly bytes: number
  readonly kubernetes: string
  /** Date of the recording, `YYYY-MM-DD`. */
  readonly recorded: string
}

/** Where recordings are. */
export const RECORDINGS = new URL('../../fixtures/recorded-audit/', import.meta.url)

/** Writes one action's file. @returns its entry for the index */
export function writeRecording(action: Action, lines: readonly string[], kubernetes: string): Entry {
  const { code, name, does, actor, place = 'attacker', gzip = false, run, holds } = action
  const file = `${code}-${name}.ndjson${gzip ? '.gz' : ''}`
  const text = Buffer.from(`${lines.join('\n')}\n`)
  const content = gzip ? gzipSync(text, { level: 9 }) : text
  mkdirSync(RECORDINGS, { recursive: true })
  writeFileSync(new URL(file, RECORDINGS), content)
  const commands = run.split('\n').map((line) => line.trim())
  const recorded = new Date().toISOString().slice(0, 10)
  const [events, bytes] = [lines.length, content.length]
  return { code, file, does, actor, place, commands, holds, events, bytes, kubernetes, recorded }
}

/** The index as it is on disk. */
export function readIndex(): Entry[] {
  try {
    return JSON.parse(readFileSync(new URL('index.json', RECORDINGS), 'utf8'))
  } catch {
    return []
  }
}

/** Puts entries into the index, each in the place of the one with its file, and writes the page about them. */
export function writeIndex(entries: readonly Entry[]): void {
  const byFile = new Map([...readIndex(), ...entries].map((entry) => [entry.file, entry]))
  const order = new Intl.Collator('en', { numeric: true })
  const all = [...byFile.values()].sort((a, b) => order.compare(a.file, b.file))
  writeFileSync(new URL('index.json', RECORDINGS), `${JSON.stringify(all, null, 1)}\n`)
  const rows = all.map(
    ({ code, file, does, actor, place, events }) =>
      `| ${code} | [${file}](${file}) | ${does} | ${actor}, ${place} | ${events} |`
  )
  const page = readFileSync(new URL('./recordings.md', import.meta.url), 'utf8')
  writeFileSync(
    new URL('README.md', RECORDINGS),
    `${page}\n| code | file | what was done | by, from | events |\n| --- | --- | --- | --- | --- |\n${rows.join('\n')}\n`
  )
}
