import type { RuntimeEvent } from '../../../schemas/generated/types.ts'
import { isObject, type JsonObject } from '../../../services/core/json.ts'

/** What is told of the machine that the cluster ran on, and what stands for it in a recording. */
export interface Machine {
  /** Folder of the cluster's containerd, and of the cluster. */
  readonly folder: string
  readonly home: string
  readonly address: string
  readonly host_name: string
  readonly boot_id: string
}

const FOLDER = '/run/containerd'
const HOME = '/var/lib/node'
const ADDRESS = '10.0.1.10'
const BOOT = '00000000-0000-4000-8000-000000000000'
const JWT = /eyJ[\w-]{8,}\.[\w-]+\.[\w-]*/g
/** Members of a Node that tell one machine from another. */
const OF_MACHINE: Readonly<Record<string, string>> = {
  machineID: BOOT.replaceAll('-', ''),
  systemUUID: BOOT,
  bootID: BOOT,
  kernelVersion: '6.12.0',
  osImage: 'Linux'
}

/** JSON text of a record without what tells of the machine, and without tokens. */
export function scrubText(text: string, { folder, home, address, host_name, boot_id }: Machine): string {
  const word = (value: string) =>
    new RegExp(`(?<![\\w.])${value.replaceAll(/[.+*?^$()[\]{}|\\]/g, '\\$&')}(?![\\w]|\\.\\d)`, 'g')
  return text
    .replaceAll(folder, FOLDER)
    .replaceAll(home, HOME)
    .replaceAll(boot_id, BOOT)
    .replaceAll(`/${boot_id.slice(0, 8)}/`, `/${BOOT.slice(0, 8)}/`)
    .replaceAll(`-${boot_id.slice(0, 8)}-`, `-${BOOT.slice(0, 8)}-`)
    .replaceAll(word(address), ADDRESS)
    .replaceAll(JSON.stringify(host_name), '"node1"')
    .replaceAll(JWT, '*****')
}

function withoutMachine(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutMachine)
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [
      key,
      typeof member === 'string' && Object.hasOwn(OF_MACHINE, key) ? OF_MACHINE[key] : withoutMachine(member)
    ])
  )
}

/** A record as JSON without what tells of the machine. */
export function scrub(record: unknown, machine: Machine): unknown {
  return withoutMachine(JSON.parse(scrubText(JSON.stringify(record), machine)))
}

/** Ancestors end at the container's shim: what is above it is of the machine, not of the node. */
export function scrubRuntime(event: JsonObject, machine: Machine): JsonObject {
  const { process } = event as unknown as Pick<RuntimeEvent, 'process'>
  if (process === null) return scrub(event, machine) as JsonObject
  const shim = process.ancestors.findIndex(({ executable }) => executable?.includes('containerd-shim') === true)
  const ancestors = shim === -1 ? process.ancestors : process.ancestors.slice(0, shim + 1)
  return scrub({ ...event, process: { ...process, ancestors } }, machine) as JsonObject
}
