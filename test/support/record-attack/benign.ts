import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { IMAGES } from './images.ts'
import { at, type Place } from './network.ts'
import { BUILD } from './workloads.ts'

/** Runs shell at a place; `k` is kubectl with somebody's credential. */
export type RunAs = (place: Place, kubeconfig: string, script: string) => Promise<void>

/** Files that hold the credentials of those who work on the cluster. */
export interface People {
  readonly alice: string
  readonly deployer: string
}

/** @param home for the clients' caches */
export function runnerWith(kubectl: string, server: string, home: string): RunAs {
  return (place, kubeconfig, script) =>
    new Promise((resolve) => {
      const prelude = `k() { ${kubectl} --server=${server} "$@"; }\n`
      const [program, ...args] = [...at(place), 'bash', '-c', prelude + script]
      const env = {
        PATH: process.env['PATH'] ?? '',
        HOME: `${home}/${place}`,
        KUBECONFIG: kubeconfig,
        KUBECTL: kubectl,
        SERVER: server
      }
      // What is refused or does not work belongs to a day's work.
      spawn(program, args, { env, stdio: 'ignore' })
        .once('close', () => resolve())
        .once('error', () => resolve())
    })
}

/** The work of a developer and of the CI, beside what controllers, probes and scheduled jobs do by themselves. */
export async function work(
  run: RunAs,
  { alice, deployer }: People,
  notebook: (script: string) => Promise<void>
): Promise<void> {
  const office = (script: string) => run('office', alice, script)
  const ci = (script: string) => run('runner', deployer, script)
  await Promise.all([
    (async () => {
      await office('k -n shop get pods; k -n shop get deploy web -o yaml; k -n shop logs deploy/web')
      await sleep(20_000)
      // A terminal, as for looking into a problem.
      await office(
        `printf 'ls /srv\\ncat /etc/shop.conf\\nps\\nexit\\n' | script -qec "$KUBECTL --server=$SERVER -n shop exec -it deploy/web -- sh" /dev/null`
      )
      await sleep(15_000)
      await office('k -n shop describe pod -l app=web; k -n shop get events')
      await sleep(40_000)
      await office('k -n shop rollout restart deployment web; k -n shop rollout status deployment web --timeout 60s')
      await sleep(30_000)
      await office('k -n shop exec deploy/web -- cat /etc/shop.conf; k -n shop get pods -w --request-timeout 5s')
    })(),
    (async () => {
      await sleep(15_000)
      await ci(
        `k -n shop apply -f - <<'E'\n${JSON.stringify(BUILD)}\nE\nk -n shop wait --for=condition=complete job/migrate --timeout 60s`
      )
      await ci(
        `k -n shop set image deployment/web web=${IMAGES.web_next}; k -n shop rollout status deployment web --timeout 60s`
      )
      await sleep(60_000)
      await ci('k -n shop scale deployment web --replicas 3; k -n shop rollout status deployment web --timeout 60s')
    })(),
    (async () => {
      await sleep(25_000)
      await notebook('cd /root/work\nls -la\nwc -l churn.ipynb\ndf -h\n')
    })()
  ])
}
