import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { editDistance, lookAlikeOf, registryLookAlikeOf, trustedNameOf } from './look-alike.ts'

describe('names that imitate', () => {
  it.each([
    ['kube-prox', 'kube-proxy'],
    ['kube-proxyy', 'kube-proxy'],
    ['kube-porxy', 'kube-proxy'],
    ['kube_proxy', 'kube-proxy'],
    ['kubeproxy', 'kube-proxy'],
    ['KUBE-PR0XY', 'kube-proxy'],
    ['kube-contro11er-manager', 'kube-controller-manager'],
    ['kube-systern', 'kube-system'],
    ['kube-sytem', 'kube-system'],
    ['coredn', 'coredns'],
    ['calico-nodes', 'calico-node'],
    ['containerb', 'containerd'],
    ['kube-proxi-x7k2p', 'kube-proxy'],
    ['corednss-6d4b75cb6d-x7k2p', 'coredns'],
    ['etcb', 'etcd'],
    ['kube-controller', 'kube-controller-manager']
  ])('%s is taken for %s', (name, of) => {
    expect(lookAlikeOf(name)).toEqual({ name, of })
  })

  it.each([
    'kube-proxy',
    'kube-proxy-x7k2p',
    'coredns-6d4b75cb6d-x7k2p',
    'node-exporter',
    'etcd-0',
    'container',
    'containers',
    'kube-dev',
    'my-node',
    'app-node',
    'web',
    'shop',
    'kubectl',
    'kubeflow',
    'metrics',
    'redis-0',
    '',
    'x'.repeat(100)
  ])('%s imitates nothing', (name) => {
    expect(lookAlikeOf(name)).toBeNull()
  })

  it('a name two edits off a short one is another name', () => {
    expect(lookAlikeOf('etxx')).toBeNull()
    expect(lookAlikeOf('kube-abs')).toBeNull()
  })

  it('no edit of a long trusted name at one place escapes', () => {
    const trusted = 'kube-controller-manager'
    fc.assert(
      fc.property(fc.nat(trusted.length - 1), fc.constantFrom(...'abcxyz'), (at, letter) => {
        const edited = `${trusted.slice(0, at)}${letter}${trusted.slice(at + 1)}`
        fc.pre(edited !== trusted)
        expect(lookAlikeOf(edited)?.of).toBe(trusted)
      })
    )
  })

  it('any text has an answer', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 120, unit: 'binary' }), (name) => {
        expect([null, name]).toContain(lookAlikeOf(name)?.name ?? null)
        expect([null, name]).toContain(registryLookAlikeOf(name)?.name ?? null)
        if (trustedNameOf(name) !== null) expect(lookAlikeOf(name)).toBeNull()
      })
    )
  })
})

describe('trusted names', () => {
  it.each([
    ['kube-proxy', 'kube-proxy'],
    ['Kube-Proxy', 'kube-proxy'],
    ['kube-proxy-x7k2p', 'kube-proxy'],
    ['coredns-6d4b75cb6d-x7k2p', 'coredns'],
    ['etcd-0', 'etcd'],
    ['kube-proxies', null],
    ['web', null],
    ['', null]
  ])('%s is %s', (name, trusted) => {
    expect(trustedNameOf(name)).toBe(trusted)
  })
})

describe('registries that imitate', () => {
  it.each([
    ['registry.k8s.lo', 'registry.k8s.io'],
    ['registy.k8s.io', 'registry.k8s.io'],
    ['docker.lo', 'docker.io'],
    ['d0cker.io', 'docker.io'],
    ['quey.io', 'quay.io'],
    ['mcr.rnicrosoft.com', 'mcr.microsoft.com'],
    ['docker.oi:5000', 'docker.io'],
    ['registry.k8s.example', 'registry.k8s.io'],
    ['quay.com', 'quay.io']
  ])('%s is taken for %s', (registry, of) => {
    expect(registryLookAlikeOf(registry)).toEqual({ name: registry, of })
  })

  it.each([
    '',
    'localhost',
    'registry.gitlab.example.org',
    'docker.io',
    'gcr.io',
    'ghcr.io',
    'us.gcr.io',
    'eu.gcr.io',
    'registry.example.org',
    'localhost:5000',
    '10.0.0.1:5000',
    '123456789012.dkr.ecr.eu-west-1.amazonaws.com',
    'shop.azurecr.io'
  ])('%s imitates none', (registry) => {
    expect(registryLookAlikeOf(registry)).toBeNull()
  })
})

describe('the distance', () => {
  it.each([
    ['', '', 0],
    ['abc', 'abc', 0],
    ['abc', 'ab', 1],
    ['abc', 'acb', 1],
    ['abc', 'xbc', 1],
    ['ca', 'abc', 3],
    ['abc', 'xyz', 3]
  ])('between %s and %s is %i', (a, b, distance) => {
    expect(editDistance(a, b, 9)).toBe(distance)
  })

  it('is the same both ways and never above the bound and one', () => {
    const word = fc.string({ maxLength: 12 })
    fc.assert(
      fc.property(word, word, fc.nat(4), (a, b, most) => {
        expect(editDistance(a, b, most)).toBe(editDistance(b, a, most))
        expect(editDistance(a, b, most)).toBeLessThanOrEqual(most + 1)
        expect(editDistance(a, a, most)).toBe(0)
      })
    )
  })
})
