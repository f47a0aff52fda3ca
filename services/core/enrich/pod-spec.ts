import type { PodSpec } from '../../../schemas/generated/types.ts'
import { arrayAt, at, isObject, property, stringAt } from '../json.ts'

/** Most entries kept per list: a spec may name thousands of containers, and facts must stay small. */
const MAX_ENTRIES = 64
const MAX_COMMAND_CHARACTERS = 2048

const CONTAINER_LISTS = ['containers', 'initContainers', 'ephemeralContainers'] as const

/** Containers of all three kinds in a pod spec; what is no object is left out. */
export function containersOf(spec: unknown): readonly unknown[] {
  return CONTAINER_LISTS.flatMap((list) => arrayAt(spec, list)).filter(isObject)
}

const strings = (values: readonly unknown[]): string[] =>
  values.filter((value): value is string => typeof value === 'string')
const distinct = (values: readonly string[]): string[] => [...new Set(values)].slice(0, MAX_ENTRIES)

/**
 * What a pod spec asks for, over containers, init and ephemeral containers: one view for rules, whatever kind the spec came in.
 * @param spec a PodSpec as parsed JSON of any shape
 * @returns null when it is no object
 */
export function podSpecFacts(spec: unknown): PodSpec | null {
  if (!isObject(spec)) return null
  const containers = containersOf(spec)
  return {
    privileged: containers.some((container) => at(container, ['securityContext', 'privileged']) === true),
    host_network: property(spec, 'hostNetwork') === true,
    host_pid: property(spec, 'hostPID') === true,
    host_ipc: property(spec, 'hostIPC') === true,
    host_paths: distinct(strings(arrayAt(spec, 'volumes').map((volume) => at(volume, ['hostPath', 'path'])))),
    capabilities: distinct(
      strings(containers.flatMap((container) => arrayAt(container, 'securityContext', 'capabilities', 'add')))
    ),
    images: distinct(strings(containers.map((container) => property(container, 'image')))),
    commands: distinct(
      containers
        .map((container) => strings([...arrayAt(container, 'command'), ...arrayAt(container, 'args')]).join(' '))
        .filter((command) => command !== '')
        .map((command) => command.slice(0, MAX_COMMAND_CHARACTERS))
    ),
    service_account: stringAt(spec, 'serviceAccountName') ?? stringAt(spec, 'serviceAccount')
  }
}
