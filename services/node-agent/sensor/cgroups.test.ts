import { describe, expect, it } from 'vitest'
import { cgroupOwner } from './cgroups.ts'

const ID = '0123456789abcdef'.repeat(4)
const OTHER = 'fedcba9876543210'.repeat(4)
const UID = '0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0'
const SLICE = `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${UID.replaceAll('-', '_')}.slice`

describe('who a control group belongs to', () => {
  it.each([
    ['containerd with systemd', `${SLICE}/cri-containerd-${ID}.scope`, ID, UID],
    ['containerd without', `/kubepods/burstable/pod${UID}/${ID}`, ID, UID],
    [
      'containerd, as a colon path',
      `/system.slice/containerd.service/kubepods-besteffort-pod${UID.replaceAll('-', '_')}.slice:cri-containerd:${ID}`,
      ID,
      UID
    ],
    ['CRI-O', `${SLICE}/crio-${ID}.scope`, ID, UID],
    ['CRI-O with a group for the container', `${SLICE}/crio-${ID}.scope/container`, ID, UID],
    ['an init system in a container', `${SLICE}/cri-containerd-${ID}.scope/system.slice/nginx.service`, ID, UID],
    ['docker', `/docker/${ID}`, ID, null],
    ['docker with systemd', `/system.slice/docker-${ID}.scope`, ID, null],
    ['podman', `/machine.slice/libpod-${ID}.scope/container`, ID, null],
    ['docker in a pod: the one that the node knows', `${SLICE}/cri-containerd-${ID}.scope/docker/${OTHER}`, ID, UID],
    ['a node in a container: the pod is in it', `/docker/${OTHER}/kubelet${SLICE}/cri-containerd-${ID}.scope`, ID, UID],
    ['a static pod', `/kubepods/burstable/pod${UID.replaceAll('-', '')}/${ID}`, ID, UID.replaceAll('-', '')],
    ['seen from another namespace', `/../../pod${UID}/${ID}`, ID, UID],
    ['the monitor of CRI-O', `${SLICE}/crio-conmon-${ID}.scope`, null, UID],
    ['a pod', SLICE, null, UID],
    ['a service', '/system.slice/ssh.service', null, null],
    ['an id that is too short', '/docker/0123456789ab', null, null],
    ['the root', '/', null, null],
    ['nothing', '', null, null]
  ])('%s', (_, path, container, pod_uid) => {
    expect(cgroupOwner(path)).toEqual({ container, pod_uid })
  })
})
