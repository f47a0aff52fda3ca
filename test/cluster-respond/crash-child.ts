/**
 * Carries out a plan and ends at a point without being able to tidy anything up, as a process that is killed does.
 *
 *   node test/cluster-respond/crash-child.ts PLAN_FILE CLUSTER_ID POINT
 */
import { readFileSync } from 'node:fs'
import type { Action } from '../../schemas/generated/types.ts'
import { admin, asResponder, createResponder } from './real-cluster.ts'

const [file = '', cluster = '', point = ''] = process.argv.slice(2)
const plan = JSON.parse(readFileSync(file, 'utf8')) as Action
const checkpoint = (name: string) => {
  if (name === point) process.kill(process.pid, 'SIGKILL')
}
const { executor } = createResponder(await asResponder(await admin()), cluster, { checkpoint })
await executor.carryOut(plan, 'approve')
