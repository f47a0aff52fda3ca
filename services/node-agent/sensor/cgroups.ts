/** Container and pod of a control group, as far as its name tells. */
export interface CgroupOwner {
  /** Id of the container, 64 hexadecimal digits. */
  readonly container: string | null
  readonly pod_uid: string | null
}

/**
 * The part of a path that names a container: as docker, containerd, CRI-O and podman name them, with systemd and without. The
 * monitors that run beside a container (`crio-conmon-…`) are none.
 */
const CONTAINER = /^(?:[^/]*:)?(?:(?:docker|crio|cri-containerd|libpod(?:-payload)?)[-:])?([0-9a-f]{64})(?:\.scope)?$/
/** systemd takes `-` for a folder, so the kubelet writes `_` there; of static pods it is a hash without either. */
const POD = /pod([0-9a-f]{8}[-_]?[0-9a-f]{4}[-_]?[0-9a-f]{4}[-_]?[0-9a-f]{4}[-_]?[0-9a-f]{12})(?:\.slice)?(?::|$)/
/** Paths are made by who runs on the node; this is more than any runtime nests. */
const MOST_PARTS = 64

/**
 * Who a control group belongs to. Groups below that of a container are its own. Where containers are nested, the one in the pod is
 * meant, which the node's runtime knows; else the innermost.
 * @param path as the kernel has it, from the root of the hierarchy
 */
export function cgroupOwner(path: string): CgroupOwner {
  let container: string | null = null
  let pod_uid: string | null = null
  for (const part of path.split('/', MOST_PARTS)) {
    const pod = POD.exec(part)?.[1]
    if (pod !== undefined) {
      pod_uid = pod.replaceAll('_', '-')
      container = null
    }
    const found = CONTAINER.exec(part)?.[1]
    if (found !== undefined && (container === null || pod_uid === null)) container = found
  }
  return { container, pod_uid }
}
