import { expect, it } from 'vitest'
import type { ListedContainer } from '../../core/enrich/container-list.ts'
import { containerLines } from './containers.ts'

const container = (more: Partial<ListedContainer>): ListedContainer => ({
  cluster: 'prod',
  node: 'node1',
  namespace: 'shop',
  pod: 'web-1',
  pod_uid: 'u1',
  name: 'web',
  id: 'ab'.repeat(32),
  image: 'nginx:1',
  image_id: `docker.io/library/nginx@sha256:${'cd'.repeat(32)}`,
  privileged: false,
  state: 'running',
  started: '2026-11-24T10:00:00Z',
  ...more
})

it('containers are listed by node, each on a line that an attacker cannot break', () => {
  const rows = [
    container({}),
    container({ pod: 'x\n\u001b[31m', privileged: true }),
    container({ node: null, id: '', image: null, image_id: null, privileged: null, state: null, started: null })
  ]
  expect(containerLines(rows, (text) => text)).toEqual([
    'prod/node1: 2 containers',
    'NAMESPACE  POD     CONTAINER  ID            IMAGE    IMAGE ID             PRIVILEGED  STATE    STARTED',
    'shop       web-1   web        abababababab  nginx:1  sha256:cdcdcdcdcdcd  no          running  2026-11-24T10:00:00Z',
    'shop       x [31m  web        abababababab  nginx:1  sha256:cdcdcdcdcdcd  yes         running  2026-11-24T10:00:00Z',
    '',
    'prod/(no node yet): 1 container',
    'NAMESPACE  POD     CONTAINER  ID            IMAGE    IMAGE ID             PRIVILEGED  STATE    STARTED',
    'shop       web-1   web        -             -        -                    ?           ?        -'
  ])
})
