import { execFileSync, spawnSync } from 'node:child_process'
import { BRIDGE, POD_NETWORK } from '../../cluster/cluster.ts'

/**
 * Places outside of the cluster, each a network namespace of this machine. Packets of pods to anywhere else find no way: nothing that
 * runs in a pod leaves the machine.
 */
const PLACES = {
  /** Published and historical addresses of the attack: scripts and loot, terminal, termbin, pool. */
  attacker: ['175.102.182.6', '45.9.148.221', '5.39.93.71', '203.0.113.90'],
  metadata: ['169.254.169.254'],
  office: ['10.8.0.23'],
  runner: ['10.8.1.17']
} as const
export type Place = keyof typeof PLACES

const TABLE = '4242'
const names = Object.keys(PLACES) as Place[]
const bash = (script: string) => execFileSync('bash', ['-euc', script], { stdio: ['ignore', 'inherit', 'inherit'] })

/** Command that runs another at a place. */
export const at = (place: Place): readonly string[] => ['ip', 'netns', 'exec', `weir-${place}`]

export function makePlaces(): void {
  removePlaces()
  for (const [index, place] of names.entries()) {
    const [name, host, gateway] = [`weir-${place}`, `weirp${index}`, `169.254.78.${index + 1}`]
    const own = PLACES[place]
    // People's requests have to find back; what pods may reach is in a table of their own.
    const back = place === 'office' || place === 'runner' ? own : []
    bash(`
      ip netns add ${name}
      ip link add ${host} type veth peer name eth0 netns ${name}
      ip addr add ${gateway}/32 dev ${host}; ip link set ${host} up
      ip -n ${name} link set lo up; ip -n ${name} link set eth0 up
      ${own.map((address) => `ip -n ${name} addr add ${address}/32 dev eth0`).join('\n')}
      ip -n ${name} route add ${gateway} dev eth0; ip -n ${name} route add default via ${gateway} src ${own[0]}
      ${back.map((address) => `ip route add ${address}/32 dev ${host}`).join('\n')}
      ${own.map((address) => `ip route add ${address}/32 dev ${host} table ${TABLE}`).join('\n')}`)
  }
  bash(`
    ip route add throw ${POD_NETWORK} table ${TABLE}
    ip route add unreachable default table ${TABLE}
    ip rule add pref ${TABLE} iif ${BRIDGE} lookup ${TABLE}`)
}

export function removePlaces(): void {
  for (const place of names) spawnSync('ip', ['netns', 'del', `weir-${place}`])
  for (const index of names.keys()) spawnSync('ip', ['link', 'del', `weirp${index}`])
  spawnSync('ip', ['rule', 'del', 'pref', TABLE])
  spawnSync('ip', ['route', 'flush', 'table', TABLE])
}
