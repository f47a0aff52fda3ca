import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  addedContainers,
  boundedContainers,
  commandsOf,
  hostPathsOf,
  imageOf,
  imagesOf,
  normalisePath,
  projectedTokens,
  templateAnnotations,
  volumePath,
  weakenedIsolation
} from './pod-template.ts'

const TEMPLATE = ['spec', 'template', 'spec']
const weakened = (template: unknown, annotations = {}) => weakenedIsolation(template, annotations)

describe('commands', () => {
  it('are those of all three lists of containers, of hooks and of probes', () => {
    expect(
      commandsOf({
        containers: [
          {
            command: ['sh', '-c'],
            args: ['id'],
            lifecycle: { postStart: { exec: { command: ['a'] } }, preStop: { exec: { command: ['b'] } } },
            livenessProbe: { exec: { command: ['c', 'd'] } }
          }
        ],
        initContainers: [{ args: ['e'] }],
        ephemeralContainers: [
          { command: ['f'], readinessProbe: { exec: { command: ['g'] } }, startupProbe: { exec: { command: ['h'] } } }
        ]
      })
    ).toEqual(['sh -c id', 'a', 'b', 'c d', 'e', 'f', 'g', 'h'])
  })

  it('what is no text in them is left out', () => {
    expect(commandsOf({ containers: [{ command: ['a', 1, null, {}], args: 'b' }, { command: [] }, 7, null] })).toEqual([
      'a'
    ])
  })
})

describe('images', () => {
  it.each([
    ['nginx', 'docker.io', 'library/nginx', 'nginx', null, null],
    ['nginx:1.27', 'docker.io', 'library/nginx', 'nginx', '1.27', null],
    ['someone/tool', 'docker.io', 'someone/tool', 'tool', null, null],
    ['registry.k8s.io/pause:3.10', 'registry.k8s.io', 'pause', 'pause', '3.10', null],
    ['localhost/a/b', 'localhost', 'a/b', 'b', null, null],
    ['host:5000/a', 'host:5000', 'a', 'a', null, null],
    ['Quay.IO/a/b:1@sha256:00', 'quay.io', 'a/b', 'b', '1', 'sha256:00'],
    ['', 'docker.io', 'library/', '', null, null]
  ])('%s', (reference, registry, repository, name, tag, digest) => {
    expect(imageOf(reference)).toEqual({ reference, registry, repository, name, tag, digest })
  })

  it('are named once each, image volumes among them', () => {
    const found = imagesOf({
      containers: [{ image: 'a' }, { image: 'a' }],
      volumes: [{ image: { reference: 'b' } }, { image: 'no' }]
    })
    expect(found.map(({ reference }) => reference)).toEqual(['a', 'b'])
  })
})

describe('host paths', () => {
  it.each([
    ['/', '/'],
    ['//', '/'],
    ['/etc/', '/etc'],
    ['/var/./lib//kubelet/', '/var/lib/kubelet'],
    ['/srv/../etc/kubernetes', '/etc/kubernetes'],
    ['/../../etc', '/etc'],
    ['etc', '/etc'],
    ['', '/']
  ])('%j is %s', (path, normal) => {
    expect(normalisePath(path)).toBe(normal)
  })

  it('are read-only when every container mounts them so, and not when none does', () => {
    const volumes = [
      { name: 'ro', hostPath: { path: '/etc/' } },
      { name: 'rw', hostPath: { path: '/var/log', type: 'Directory' } },
      { name: 'unused', hostPath: { path: '/' } },
      { name: 'other', emptyDir: {} }
    ]
    const containers = [
      {
        volumeMounts: [
          { name: 'ro', readOnly: true },
          { name: 'rw', readOnly: true }
        ]
      }
    ]
    const initContainers = [{ volumeMounts: [{ name: 'ro', readOnly: true }, { name: 'rw' }] }]
    expect(hostPathsOf({ containers, initContainers, volumes })).toEqual([
      { path: '/etc', read_only: true, mounted: true, type: null },
      { path: '/var/log', read_only: false, mounted: true, type: 'Directory' },
      { path: '/', read_only: false, mounted: false, type: null }
    ])
  })

  it('of a persistent volume are those of hostPath and local', () => {
    expect(volumePath({ spec: { hostPath: { path: '/etc/../root/' } } })).toBe('/root')
    expect(volumePath({ spec: { local: { path: '/mnt/disks/a' } } })).toBe('/mnt/disks/a')
    expect(volumePath({ spec: { csi: {} } })).toBeNull()
  })
})

describe('weakened isolation', () => {
  const container = (securityContext: unknown) => ({ containers: [{ securityContext }] })
  it.each([
    ['seccomp of the pod', { securityContext: { seccompProfile: { type: 'Unconfined' } } }, 'seccomp_unconfined'],
    ['seccomp of a container', container({ seccompProfile: { type: 'Unconfined' } }), 'seccomp_unconfined'],
    ['AppArmor', container({ appArmorProfile: { type: 'Unconfined' } }), 'apparmor_unconfined'],
    ['/proc', container({ procMount: 'Unmasked' }), 'unmasked_proc'],
    ['Windows', container({ windowsOptions: { hostProcess: true } }), 'host_process'],
    ['Windows, for the pod', { securityContext: { windowsOptions: { hostProcess: true } } }, 'host_process'],
    ['root that may gain rights', container({ allowPrivilegeEscalation: true, runAsUser: 0 }), 'root_may_escalate'],
    [
      'root of the pod',
      { securityContext: { runAsUser: 0 }, ...container({ allowPrivilegeEscalation: true }) },
      'root_may_escalate'
    ],
    ['processes of all containers', { shareProcessNamespace: true }, 'shared_process_namespace'],
    ['a sysctl', { securityContext: { sysctls: [{ name: 'kernel.msgmax', value: '1' }] } }, 'unsafe_sysctl'],
    [
      'an ephemeral container',
      { ephemeralContainers: [{ securityContext: { procMount: 'Unmasked' } }] },
      'unmasked_proc'
    ]
  ])('%s', (_, template, expected) => {
    expect(weakened(template)).toEqual([expected])
  })

  it.each([
    [
      'the defaults of the runtime',
      container({
        seccompProfile: { type: 'RuntimeDefault' },
        appArmorProfile: { type: 'RuntimeDefault' },
        procMount: 'Default'
      })
    ],
    ['a user that may gain rights', container({ allowPrivilegeEscalation: true, runAsUser: 1000 })],
    [
      'a container that is not the root which its pod is',
      { securityContext: { runAsUser: 0 }, ...container({ allowPrivilegeEscalation: true, runAsUser: 5 }) }
    ],
    ['a safe sysctl', { securityContext: { sysctls: [{ name: 'net.ipv4.tcp_syncookies', value: '1' }] } }],
    ['nothing', {}]
  ])('not by %s', (_, template) => {
    expect(weakened(template)).toEqual([])
  })

  it('by annotations of before there were fields', () => {
    expect(weakened({}, { 'container.apparmor.security.beta.kubernetes.io/web': 'unconfined' })).toEqual([
      'apparmor_unconfined'
    ])
    expect(weakened({}, { 'seccomp.security.alpha.kubernetes.io/pod': 'unconfined' })).toEqual(['seccomp_unconfined'])
    expect(weakened({}, { 'container.apparmor.security.beta.kubernetes.io/web': 'runtime/default' })).toEqual([])
  })

  it('annotations are those of the template, or of the pod itself', () => {
    const metadata = { annotations: { a: 'b', c: 1 } }
    expect(templateAnnotations({ spec: { template: { metadata } } }, TEMPLATE)).toEqual({ a: 'b' })
    expect(templateAnnotations({ metadata }, ['spec'])).toEqual({ a: 'b' })
  })
})

describe('projected tokens', () => {
  it('have audience and lifetime where they say so', () => {
    const sources = [
      { serviceAccountToken: { audience: 'vault', expirationSeconds: 600, path: 't' } },
      { serviceAccountToken: { path: 'u' } },
      { configMap: {} },
      { serviceAccountToken: 'no' }
    ]
    expect(projectedTokens({ volumes: [{ projected: { sources } }, { emptyDir: {} }] })).toEqual([
      { audience: 'vault', seconds: 600 },
      { audience: null, seconds: null }
    ])
  })
})

describe('containers that a patch adds', () => {
  const sidecar = { name: 'sidecar', image: 'x', command: ['sh'] }
  const names = (body: unknown, path = TEMPLATE) => addedContainers(body, path)
  const merge = (spec: unknown) => ({ spec: { template: { spec } } })
  it.each([
    ['at the end of the list', [{ op: 'add', path: '/spec/template/spec/containers/-', value: sidecar }]],
    ['at its beginning', [{ op: 'add', path: '/spec/template/spec/containers/0', value: sidecar }]],
    ['as the first init container', [{ op: 'add', path: '/spec/template/spec/initContainers', value: [sidecar] }]],
    ['by a strategic merge patch', merge({ containers: [sidecar] })],
    ['by a strategic merge patch, as an init container', merge({ initContainers: [sidecar] })]
  ])('%s', (_, body) => {
    expect(names(body)).toEqual([sidecar])
  })

  it.each([
    ['another image', merge({ containers: [{ name: 'web', image: 'y' }] })],
    ['another command', merge({ containers: [{ name: 'web', command: ['y'] }] })],
    ['an image by a JSON patch', [{ op: 'replace', path: '/spec/template/spec/containers/0/image', value: 'y' }]],
    ['a variable by a JSON patch', [{ op: 'add', path: '/spec/template/spec/containers/0/env/-', value: {} }]],
    ['a replica', { spec: { replicas: 2 } }],
    ['no body', undefined]
  ])('not by %s', (_, body) => {
    expect(names(body)).toEqual([])
  })
})

describe('anything at all', () => {
  const tree = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom<unknown>(null, true, 0, 'x', '', [], {}),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(
        fc.constantFrom(
          'containers',
          'initContainers',
          'volumes',
          'volumeMounts',
          'hostPath',
          'path',
          'image',
          'command',
          'args',
          'securityContext',
          'lifecycle',
          'postStart',
          'exec',
          'projected',
          'sources',
          'serviceAccountToken',
          'sysctls',
          'name',
          '__proto__',
          'spec',
          'template'
        ),
        tie('value'),
        { maxKeys: 5 }
      )
    )
  })).value

  it('has an answer', () => {
    fc.assert(
      fc.property(tree, (template) => {
        expect(weakened(template)).toBeInstanceOf(Array)
        expect(commandsOf(template).every((command) => command !== '')).toBe(true)
        expect(hostPathsOf(template).every(({ path }) => path.startsWith('/'))).toBe(true)
        expect(imagesOf(template).every(({ reference }) => typeof reference === 'string')).toBe(true)
        expect(projectedTokens(template)).toBeInstanceOf(Array)
        expect(addedContainers(template, TEMPLATE)).toBeInstanceOf(Array)
        expect(templateAnnotations(template, TEMPLATE)).toEqual({})
        volumePath(template)
      })
    )
  })

  it('is bounded in what it gives, above what fits into a request', () => {
    const containers = Array.from({ length: 20_000 }, (_, index) => ({ image: `i${index}`, command: ['x'] }))
    const volumes = containers.map((_, index) => ({ name: `v${index}`, hostPath: { path: `/p${index}` } }))
    expect(boundedContainers({ containers })).toHaveLength(10_000)
    expect(imagesOf({ containers })).toHaveLength(10_000)
    expect(hostPathsOf({ containers, volumes })).toHaveLength(10_000)
    expect(commandsOf({ containers: [{ command: ['x'.repeat(100_000)] }] }).map(({ length }) => length)).toEqual([
      65_537
    ])
  })

  it('what stands behind thousands of containers is seen', () => {
    const containers = Array.from({ length: 5_000 }, () => ({ image: 'a' }))
    const last = {
      image: 'b',
      command: ['sh'],
      securityContext: { procMount: 'Unmasked' },
      volumeMounts: [{ name: 'h' }]
    }
    const template = { containers: [...containers, last], volumes: [{ name: 'h', hostPath: { path: '/' } }] }
    expect(imagesOf(template).map(({ name }) => name)).toEqual(['a', 'b'])
    expect(commandsOf(template)).toEqual(['sh'])
    expect(weakened(template)).toEqual(['unmasked_proc'])
    expect(hostPathsOf(template)).toEqual([{ path: '/', read_only: false, mounted: true, type: null }])
  })
})
