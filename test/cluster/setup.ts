/** Vitest global set-up of the tests on a real Kubernetes: one cluster for all of them, taken down at the end. */
import { join, resolve } from 'node:path'
import type { TestProject } from 'vitest/node'
import { lock } from '../../bin/lock.js'
import { weirHome } from '../../infra/settings.ts'
import { type AuditWebhook, createAuditWebhook } from './audit-webhook.ts'
import { startCluster, stopCluster } from './cluster.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Folder of the running cluster, for `clusterIn`. */
    cluster_folder: string
    /** Where its API server sends its audit events. */
    audit_webhook: AuditWebhook
  }
}

export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const folder = resolve(process.env['CLUSTER_DIR'] ?? `${weirHome()}/cluster`)
  const say = (text: string) => console.error(text)
  const release = await lock('/run/lock/weir-test-cluster', {
    onWait: ({ pid }) => say(`waiting for the test cluster of process ${pid}: there can be one on a machine`)
  })
  const { webhook, options: audit_webhook } = createAuditWebhook()
  try {
    const cluster = await startCluster(folder, { say, audit_webhook })
    // For the tests of the responder and the processes they start.
    process.env['WEIR_TEST_KUBECONFIG'] = cluster.kubeconfig
    process.env['WEIR_TEST_STATIC_PODS'] = join(folder, 'static-pods')
    process.env['WEIR_TEST_CONTAINERD'] = cluster.containerd_socket
  } catch (error) {
    release()
    throw error
  }
  project.provide('cluster_folder', folder)
  project.provide('audit_webhook', webhook)
  return async () => {
    await stopCluster(folder)
    release()
  }
}
