import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { stringAt } from '../../core/json.ts'

/** Largest manifest that is looked into. */
const MAX_BYTES = 1_048_576

export interface StaticPodFolders {
  /** Folder that the kubelet reads static pods from. */
  readonly manifests: string
  /** Folder of the agent, on the same file system or not, that removed manifests are kept in. */
  readonly kept: string
}

export interface StaticPod {
  readonly namespace: string
  /** As in the manifest, without the node's name. */
  readonly name: string
}

const keptName = ({ namespace, name }: StaticPod): string => {
  const digest = createHash('sha256').update(`${namespace}/${name}`).digest('hex').slice(0, 12)
  return `${namespace}.${name}.${digest}.json`
}

function holds(text: string, { namespace, name }: StaticPod): boolean {
  try {
    return parseAllDocuments(text, { logLevel: 'silent' }).some((document) => {
      const pod: unknown = 'toJS' in document ? document.toJS() : null
      return (
        stringAt(pod, 'kind') === 'Pod' &&
        stringAt(pod, 'metadata', 'name') === name &&
        (stringAt(pod, 'metadata', 'namespace') ?? 'default') === namespace
      )
    })
  } catch {
    // What is not YAML, the kubelet makes no pod of.
    return false
  }
}

/** Files of the folder that make this pod: the kubelet takes every file that does not begin with a dot. */
function filesOf(folder: string, pod: StaticPod): readonly string[] {
  return readdirSync(folder).filter((name) => {
    const file = join(folder, name)
    if (name.startsWith('.')) return false
    const { size } = statSync(file)
    return statSync(file).isFile() && size <= MAX_BYTES && holds(readFileSync(file, 'utf8'), pod)
  })
}

/**
 * Takes the manifest of a static pod from the folder of the kubelet and keeps it. Doing it again changes nothing.
 * @returns what happened, in one line
 * @throws Error of the file system, and when no file makes this pod
 */
export function removeStaticPod(folders: StaticPodFolders, pod: StaticPod): string {
  const kept = join(folders.kept, keptName(pod))
  const files = filesOf(folders.manifests, pod)
  if (files.length === 0) {
    if (statSync(kept, { throwIfNoEntry: false }) !== undefined) return 'its manifest was taken away before'
    throw new Error(`no file in ${folders.manifests} makes pod ${pod.namespace}/${pod.name}`)
  }
  mkdirSync(folders.kept, { recursive: true, mode: 0o700 })
  const texts = files.map((name) => ({ name, text: readFileSync(join(folders.manifests, name), 'utf8') }))
  // Kept whole before anything is taken away: a crash in between leaves both.
  writeFileSync(`${kept}.new`, JSON.stringify(texts), { mode: 0o600, flush: true })
  renameSync(`${kept}.new`, kept)
  for (const { name } of texts) rmSync(join(folders.manifests, name))
  return `took ${files.join(', ')} from ${folders.manifests}`
}

/** Puts a manifest back that was taken away. @throws Error when none was */
export function restoreStaticPod(folders: StaticPodFolders, pod: StaticPod): string {
  const kept = join(folders.kept, keptName(pod))
  if (statSync(kept, { throwIfNoEntry: false }) === undefined) {
    if (filesOf(folders.manifests, pod).length > 0) return 'its manifest is there'
    throw new Error(`no manifest of pod ${pod.namespace}/${pod.name} was taken away`)
  }
  const texts = JSON.parse(readFileSync(kept, 'utf8')) as ReadonlyArray<{
    readonly name: string
    readonly text: string
  }>
  for (const { name, text } of texts) {
    // The kubelet must not read half of it.
    const hidden = join(folders.manifests, `.${name}.weir`)
    writeFileSync(hidden, text, { mode: 0o600, flush: true })
    renameSync(hidden, join(folders.manifests, name))
  }
  rmSync(kept)
  return `put ${texts.map(({ name }) => name).join(', ')} back into ${folders.manifests}`
}
