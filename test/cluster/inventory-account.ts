import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import type { Cluster } from './cluster.ts'

const RBAC = new URL('../../infra/kubernetes/inventory-rbac.yaml', import.meta.url)

/** Gives the inventory the rights of `infra/kubernetes`. @returns a kubeconfig with its token, so that only these count */
export function inventoryKubeconfig(cluster: Cluster): string {
  cluster.apply(
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'weir' } },
    ...parseAllDocuments(readFileSync(RBAC, 'utf8')).map((document) => document.toJS() as object)
  )
  const config = JSON.parse(readFileSync(cluster.kubeconfig, 'utf8'))
  const token = cluster.kubectl('-n', 'weir', 'create', 'token', 'weir-inventory', '--duration', '2h').trim()
  const file = join(cluster.folder, 'weir-inventory.kubeconfig')
  writeFileSync(file, JSON.stringify({ ...config, users: [{ name: 'admin', user: { token } }] }), { mode: 0o600 })
  return file
}
