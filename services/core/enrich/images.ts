import type { InventoryRecord } from '../../../schemas/generated/types.ts'
import { emptyRecord } from './empty-record.ts'

/** Parts of an image's name and id. */
export interface ImageParts {
  /** `docker.io/library/nginx`; null when only an id is known. */
  readonly repository: string | null
  readonly tag: string | null
  /** `sha256:…` of the manifest, or of the configuration where the image came from an archive. */
  readonly digest: string | null
}

/**
 * Takes an image's name (`repository:tag`, `repository@digest`) and the id that the runtime gives (`repository@digest`, or a
 * bare digest) apart.
 */
export function imageParts(name: string | null, id: string | null): ImageParts {
  const digestOf = (text: string | null) => {
    const at = text?.lastIndexOf('sha256:') ?? -1
    return text === null || at < 0 ? null : text.slice(at)
  }
  const bare = (text: string | null) => {
    const cut = text?.split('@')[0] ?? ''
    if (cut === '' || cut.startsWith('sha256:')) return null
    // A colon before the last slash is that of a port.
    const colon = cut.indexOf(':', cut.lastIndexOf('/') + 1)
    return colon < 0 ? { repository: cut, tag: null } : { repository: cut.slice(0, colon), tag: cut.slice(colon + 1) }
  }
  const named = bare(name)
  return {
    repository: named?.repository ?? bare(id)?.repository ?? null,
    tag: named?.tag ?? null,
    digest: digestOf(id) ?? digestOf(name)
  }
}

/** Records of the images that a pod's containers run, by what the runtime resolved them to; one for each id. */
export function imagesOfPod({ cluster, pod, observed }: InventoryRecord): readonly InventoryRecord[] {
  const images = new Map<string, InventoryRecord>()
  for (const { image_id, image_name } of pod?.containers ?? []) {
    if (image_id === null) continue
    const { repository, tag, digest } = imageParts(image_name, image_id)
    const attributes = Object.entries({ repository, tag, digest }).flatMap(([key, value]) =>
      value === null ? [] : [[key, value] as const]
    )
    images.set(image_id, {
      ...emptyRecord(cluster, 'Image', image_id, image_name ?? image_id, observed),
      attributes: Object.fromEntries(attributes)
    })
  }
  return [...images.values()]
}
