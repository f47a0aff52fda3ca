import { hash } from 'node:crypto'

/** The image's name with registry and repository in full, as the container runtime gives it. */
export function fullImageName(image: string): string {
  const [first = ''] = image.split('/')
  if (!image.includes('/')) return `docker.io/library/${image}`
  return /[.:]/.test(first) || first === 'localhost' ? image : `docker.io/${image}`
}

/** `repository@sha256:…` of the image: the digest is made up from the name, and the same for the same name. */
export function imageDigest(image: string): string {
  const name = fullImageName(image)
  const repository = name.replace(/(@sha256:[0-9a-f]+|:[^/:]+)$/, '')
  return `${repository}@sha256:${hash('sha256', name)}`
}
