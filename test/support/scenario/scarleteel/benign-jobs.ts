import { callApi, type World } from '../api.ts'
import { addPod, podOf } from '../cluster.ts'
import type { Pod, Workload } from '../cluster-model.ts'
import { bindPod, bringUpPod, controllerClient, createPod, deletePod, recordEvent } from '../control-plane.ts'
import type { Json } from '../json.ts'
import { MINUTE_US, rfc3339Seconds, SECOND_US } from '../timeline.ts'
import { workloadClient } from './benign-control-plane.ts'
import { START_US } from './cluster.ts'
import { LENGTH_US } from './every.ts'
import { benign } from './story.ts'
import { BUILD_TEMPLATE, REPORT_TEMPLATE } from './templates.ts'

/** Reports by CronJob and builds of the CI runner. */

/** One run of the report: job, pod, completion. @returns the pod */
function reportRun(world: World, at_us: number, workload: Workload): Pod {
  const running = benign(world, `report/${at_us}`)
  const { cluster, random } = running
  const { namespace } = workload
  const jobs = controllerClient(cluster, 'job-controller')
  const crons = controllerClient(cluster, 'cronjob-controller')
  const job = { name: `report-${Math.floor(at_us / MINUTE_US)}`, uid: random.uuid() }
  const object = (status: Json): Json => ({
    kind: 'Job',
    apiVersion: 'batch/v1',
    metadata: {
      name: job.name,
      namespace,
      uid: job.uid,
      creationTimestamp: rfc3339Seconds(at_us),
      ownerReferences: [
        {
          apiVersion: 'batch/v1',
          kind: 'CronJob',
          name: workload.name,
          uid: workload.uid,
          controller: true,
          blockOwnerDeletion: true
        }
      ]
    },
    spec: { parallelism: 1, completions: 1, backoffLimit: 6, suspend: false },
    status
  })
  callApi(running, at_us, crons, {
    verb: 'create',
    group: 'batch',
    resource: 'jobs',
    namespace,
    name: job.name,
    requestObject: object({}),
    responseObject: object({})
  })
  recordEvent(running, at_us + 20_000, crons, namespace, workload.name)
  const pod = addPod(cluster, {
    namespace,
    name: `${job.name}-${random.suffix(5)}`,
    generateName: `${job.name}-`,
    node: random.pick(cluster.nodes.slice(1)),
    template: REPORT_TEMPLATE,
    owner: { apiVersion: 'batch/v1', kind: 'Job', ...job },
    top: { kind: 'CronJob', name: workload.name },
    created_us: at_us + 60_000
  })
  createPod(running, pod.created_us, jobs, pod)
  recordEvent(running, pod.created_us + 15_000, jobs, namespace, job.name)
  bindPod(running, pod.created_us + 25_000, pod)
  bringUpPod(running, pod.created_us + 70_000, pod)
  for (const [after_us, status] of [
    [1_000_000, { active: 1, startTime: rfc3339Seconds(at_us) }],
    [
      8_000_000,
      { succeeded: 1, startTime: rfc3339Seconds(at_us), completionTime: rfc3339Seconds(at_us + 8 * SECOND_US) }
    ]
  ] as const) {
    const call = {
      verb: 'update',
      group: 'batch',
      resource: 'jobs',
      subresource: 'status',
      namespace,
      name: job.name,
      uid: job.uid
    }
    callApi(running, at_us + after_us, jobs, { ...call, requestObject: object(status), responseObject: object(status) })
  }
  return pod
}

/** The report, every five minutes. @returns the pods of its runs */
export function reportRuns(world: World, workload: Workload): readonly Pod[] {
  const pods: Pod[] = []
  for (let at_us = START_US; at_us < START_US + LENGTH_US; at_us += 5 * MINUTE_US)
    pods.push(reportRun(world, at_us, workload))
  return pods
}

/** The runner starts a build in a pod of its own, attaches to it, and removes it. @returns the pod */
export function ciBuild(world: World, at_us: number, lasts_us: number, job: number): Pod {
  const building = benign(world, `ci/${job}`)
  const { cluster, random } = building
  const runner = podOf(cluster, 'ci', 'gitlab-runner')
  const client = workloadClient(runner, 'gitlab-runner 18.5.0 linux/amd64', 'gitlab-runner')
  const namespace = 'ci'
  const name = `runner-t2x${random.suffix(6)}-project-12-concurrent-0-${random.suffix(8)}`
  const pod = addPod(cluster, {
    namespace,
    name,
    generateName: null,
    node: random.pick(cluster.nodes.slice(1)),
    template: { ...BUILD_TEMPLATE, labels: { ...BUILD_TEMPLATE.labels, job: String(job) } },
    owner: null,
    top: { kind: 'Pod', name },
    created_us: at_us + 200_000
  })
  callApi(building, at_us, client, { verb: 'create', resource: 'secrets', namespace, name: `runner-${job}-auth` })
  createPod(building, pod.created_us, client, pod)
  bindPod(building, pod.created_us + 20_000, pod)
  bringUpPod(building, pod.created_us + 60_000, pod)
  for (let second = 1; second <= 3; second++)
    callApi(building, pod.created_us + second * SECOND_US, client, {
      verb: 'get',
      resource: 'pods',
      namespace,
      name: pod.name
    })
  callApi(building, pod.created_us + 3_200_000, client, {
    verb: 'get',
    resource: 'pods',
    subresource: 'attach',
    namespace,
    name: pod.name,
    code: 101,
    query: 'container=build&stdin=true&stdout=true&stderr=true',
    streams_us: lasts_us - 4_000_000
  })
  deletePod(building, at_us + lasts_us, client, pod, 1_200_000)
  callApi(building, at_us + lasts_us + 30_000, client, {
    verb: 'delete',
    resource: 'secrets',
    namespace,
    name: `runner-${job}-auth`
  })
  return pod
}
