import { z } from 'zod'
import { extraOwner } from './resources.ts'

const kubernetesOptions = z
  .strictObject({
    in_cluster: z
      .boolean()
      .default(false)
      .describe('Watch the API of the cluster this runs in, with the service account of its pod.'),
    kubeconfig: z.string().min(1).optional().describe('Watch the API that this kubeconfig leads to, in place of it.'),
    context: z.string().min(1).optional().describe('Context of the kubeconfig; its current one unless given.'),
    extra_owners: z
      .array(extraOwner)
      .default([])
      .describe('Custom kinds that own workloads and are owned by others in turn; RBAC has to allow list and watch.')
  })
  .refine(({ in_cluster, kubeconfig }) => !(in_cluster && kubeconfig !== undefined), {
    path: ['kubeconfig'],
    message: 'in_cluster and kubeconfig exclude each other'
  })

/** Settings of the inventory. */
export const inventoryOptions = z.strictObject({
  kubernetes: kubernetesOptions
    .prefault({})
    .describe('The Kubernetes API to watch; none unless one of the two is set.'),
  files: z
    .array(z.string())
    .default([])
    .describe('Files to load at start: what `kubectl get pods,nodes,deployments,… -A -o json` printed.'),
  check_interval_ms: z
    .number()
    .int()
    .positive()
    .default(10_000)
    .describe('How often to check that Redis still has what was written.')
})
