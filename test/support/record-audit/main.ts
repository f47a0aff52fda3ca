import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Action } from './action.ts'
import { BENIGN_ACTIONS } from './actions/benign.ts'
import { EXECUTION_ACTIONS } from './actions/execution.ts'
import { IDENTITY_ACTIONS } from './actions/identity.ts'
import { IMPACT_ACTIONS } from './actions/impact.ts'
import { MANIFEST_ACTIONS } from './actions/manifests.ts'
import { POD_ACTIONS } from './actions/pods.ts'
import { RIGHTS_ACTIONS } from './actions/rights.ts'
import { asAdmin, clusterAt, makeActors, makePlaces, startCluster, stopCluster } from './cluster.ts'
import { type Entry, writeIndex, writeRecording } from './files.ts'
import { record } from './record.ts'

/**
 * Records what a real API server says of real actions, into test/fixtures/recorded-audit:
 * `npm run record:audit -- --tool CLUSTER_TOOL [--folder FOLDER] [--only CODE,…] [--keep]`.
 */

const HELP = `Records audit events of a real Kubernetes into test/fixtures/recorded-audit. Needs root, for containers.

  --tool PATH     program that starts (\`up\`) and stops (\`down\`) a one-node Kubernetes in the folder $CLUSTER_DIR, with
                  audit-policy.yaml there, and leaves admin.kubeconfig, pki/ca.crt, bin/kubemulti and log/audit.jsonl in it
  --folder PATH   where the cluster lives (default .weir/recording)
  --only CODES    record these codes only, such as A60,A61,manifests,benign
  --keep          leave the cluster running, and use the one that runs
`

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const ACTIONS: readonly Action[] = [
  ...BENIGN_ACTIONS,
  ...IDENTITY_ACTIONS,
  ...EXECUTION_ACTIONS,
  ...POD_ACTIONS,
  ...RIGHTS_ACTIONS,
  ...IMPACT_ACTIONS,
  ...MANIFEST_ACTIONS
]

const { values: options } = parseArgs({
  options: {
    tool: { type: 'string' },
    folder: { type: 'string', default: join(ROOT, '.weir/recording') },
    only: { type: 'string' },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false }
  }
})

/** What is there before anything is recorded, until every pod of it is ready. */
function prepare(folder: string, kubemulti: string): void {
  const cluster = clusterAt(folder)
  asAdmin(
    cluster,
    `kubectl apply --server-side --force-conflicts -f ${fileURLToPath(new URL('./base.yaml', import.meta.url))}`
  )
  asAdmin(
    cluster,
    `kubectl -n shop get pod foothold >/dev/null 2>&1 || kubectl create -f - <<K
{"apiVersion":"v1","kind":"Pod","metadata":{"name":"foothold","namespace":"shop"},"spec":{"serviceAccountName":"foothold","terminationGracePeriodSeconds":0,
 "volumes":[{"name":"kubectl","hostPath":{"path":"${kubemulti}","type":"File"}}],
 "containers":[{"name":"app","image":"docker.io/library/busybox:test","command":["sleep","86400"],"env":[{"name":"HOME","value":"/root"}],"volumeMounts":[{"name":"kubectl","mountPath":"/bin/kubectl"}]}]}}
K
    for n in shop payments kube-system falco; do kubectl -n $n wait --for=condition=Ready pod --all --timeout 120s; done`
  )
  makePlaces()
  makeActors(cluster)
}

async function main(): Promise<void> {
  if (options.help || options.tool === undefined) {
    process.stdout.write(HELP)
    process.exitCode = options.help ? 0 : 2
    return
  }
  const [tool, folder] = [resolve(options.tool), resolve(options.folder)]
  const running = options.keep && isRunning(folder)
  const cluster = running ? clusterAt(folder) : startCluster(tool, folder, join(ROOT, 'infra/audit/policy.yaml'))
  try {
    if (!running || !isPrepared(folder)) prepare(folder, join(folder, 'bin/kubemulti'))
    const version = asAdmin(cluster, `kubectl version -o json | grep gitVersion | tail -1 | cut -d'"' -f4`)
    const wanted = options.only?.split(',')
    const entries: Entry[] = []
    for (const action of ACTIONS.filter(({ code }) => wanted === undefined || wanted.includes(code))) {
      try {
        const { lines, printed } = await record(cluster, action)
        const entry = writeRecording(action, lines, version)
        entries.push(entry)
        console.log(`${entry.file}: ${lines.length} events, ${entry.bytes} bytes`)
        mkdirSync(join(cluster.work, 'printed'), { recursive: true })
        writeFileSync(join(cluster.work, 'printed', `${entry.file}.txt`), printed)
      } catch (error) {
        process.exitCode = 1
        console.error(error instanceof Error ? error.message : error)
      }
    }
    writeIndex(entries)
  } finally {
    if (!options.keep) stopCluster(tool, cluster)
  }
}

function isRunning(folder: string): boolean {
  try {
    return readFileSync(join(folder, 'run/kube-apiserver.pid'), 'utf8') !== ''
  } catch {
    return false
  }
}

function isPrepared(folder: string): boolean {
  return asAdmin(clusterAt(folder), 'kubectl -n shop get pod foothold', false) !== ''
}

await main()
