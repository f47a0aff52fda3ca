import type { World } from '../api.ts'
import type { Cluster, Workload } from '../cluster-model.ts'
import { createProcessTable } from '../processes.ts'
import { createRandom } from '../random.ts'
import { createRecording, type Recorded } from '../recording.ts'
import { end } from '../runtime.ts'
import { MINUTE_US } from '../timeline.ts'
import { startPandora, useStolenKeys } from './attack-cloud.ts'
import { exploreCluster } from './attack-cluster.ts'
import {
  askMetadata,
  cleanUp,
  collectCredentials,
  endScript,
  exfiltrate,
  exfiltrateSecrets,
  fetchScripts,
  installTools,
  openTerminal
} from './attack-foothold.ts'
import { mineInCluster, mineInNotebook } from './attack-miner.ts'
import { controllerLoops, heartbeats, kubeletRounds, monitoringWatches } from './benign-control-plane.ts'
import { ciBuild, reportRuns } from './benign-jobs.ts'
import { adminLooks, aliceDebugs, aliceRollsOut } from './benign-people.ts'
import {
  aliceInWeb,
  buildProcesses,
  databaseProbe,
  inClusterClients,
  newWebPods,
  reportProcesses,
  researchAtWork,
  scraping,
  shopTraffic
} from './benign-runtime.ts'
import { createScarleteelCluster, START_US } from './cluster.ts'
import { LENGTH_US } from './every.ts'
import { at, attackStep, castOf, jupyterLab } from './story.ts'

export interface Scenario {
  readonly cluster: Cluster
  /** In order of time. */
  readonly records: readonly Recorded[]
}

function workloadOf(cluster: Cluster, namespace: string, name: string): Workload {
  const found = cluster.workloads.find((workload) => workload.namespace === namespace && workload.name === name)
  if (found === undefined) throw new RangeError(`the scenario has no workload ${namespace}/${name}`)
  return found
}

function everydayWork(world: World): void {
  const { cluster } = world
  const cast = castOf(world)
  kubeletRounds(world)
  heartbeats(world)
  controllerLoops(world)
  monitoringWatches(world)
  databaseProbe(world)
  shopTraffic(world)
  scraping(world)
  inClusterClients(world)
  reportProcesses(world, reportRuns(world, workloadOf(cluster, 'shop', 'report')))
  aliceInWeb(world, aliceDebugs(world))
  adminLooks(world)
  researchAtWork(world, cast)
  for (const [when, job] of [
    ['0:40', 4711],
    ['12:50', 4712]
  ] as const)
    buildProcesses(world, ciBuild(world, at(when), 2 * MINUTE_US, job), 2 * MINUTE_US)
  newWebPods(world, aliceRollsOut(world, workloadOf(cluster, 'shop', 'web')))
}

function attack(world: World): void {
  const cast = castOf(world)
  const terminal = openTerminal(world, jupyterLab(world, cast.notebook))
  const script = fetchScripts(world, terminal)
  installTools(world, script)
  askMetadata(world, script)
  collectCredentials(world, script)
  exfiltrate(world, script)
  cleanUp(world, script, '9:20', ['/tmp/.x/.a.i.sh', '/tmp/.x/.cd', '/tmp/.x/.cd.b64'])
  endScript(world, script)
  const peirates = exploreCluster(world, terminal, cast)
  useStolenKeys(world, terminal)
  startPandora(world, terminal)
  mineInNotebook(world, terminal)
  mineInCluster(world, peirates, cast)
  end(attackStep(world, 12, 'peirates-end'), peirates, at('21:30'))
  exfiltrateSecrets(world, terminal)
  cleanUp(world, terminal, '23:20', ['/tmp/.x'])
  end(attackStep(world, 7, 'terminal-end'), terminal, at('23:40'))
}

/**
 * The whole recording.
 * @param seed any text; the same gives the same records
 */
export function scarleteelScenario(seed: string): Scenario {
  const random = createRandom(seed)
  const cluster = createScarleteelCluster(random)
  const recording = createRecording()
  const world = { cluster, processes: createProcessTable(cluster, random), random, recorder: recording.recorder }
  everydayWork(world)
  attack(world)
  const end_us = START_US + LENGTH_US
  return { cluster, records: recording.records().filter(({ time_us }) => time_us >= START_US && time_us < end_us) }
}
