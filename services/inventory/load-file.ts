import { readFile } from 'node:fs/promises'
import type { Cluster, InventoryRecord } from '../../schemas/generated/types.ts'
import { inventoryFromList } from '../core/enrich/inventory.ts'
import { messageOf, WeirError } from '../core/errors.ts'
import { INVENTORY_ERRORS } from './errors.ts'

/**
 * Records of a file that `kubectl get … -A -o json` printed.
 * @param observed when the file was made or read, microseconds since the epoch
 * @throws WeirError INVENTORY_FILE_UNREADABLE, INVENTORY_FILE_NOT_JSON
 */
export async function loadInventoryFile(
  file: string,
  cluster: Cluster,
  observed: number
): Promise<readonly InventoryRecord[]> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    throw new WeirError(INVENTORY_ERRORS, 'INVENTORY_FILE_UNREADABLE', `cannot read ${file}: ${messageOf(error)}`, {
      cause: error
    })
  }
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    const message = `${file} is not JSON (${messageOf(error)}); make it with: kubectl get pods,nodes,services,serviceaccounts,deployments,replicasets,daemonsets,statefulsets,jobs,cronjobs -A -o json`
    throw new WeirError(INVENTORY_ERRORS, 'INVENTORY_FILE_NOT_JSON', message, { cause: error })
  }
  const { records } = inventoryFromList(json, cluster, observed)
  if (records.length === 0) {
    throw new WeirError(
      INVENTORY_ERRORS,
      'INVENTORY_FILE_NOT_JSON',
      `${file} holds no Kubernetes object with kind, name and UID`
    )
  }
  return records
}
