import { describe, expect, it } from 'vitest'
import { KNOWN_PATHS, resolvePath } from './field-paths.ts'

describe('resolvePath', () => {
  it('knows every path that it suggests', () => {
    expect([...KNOWN_PATHS].filter((path) => resolvePath(path) === null)).toEqual([])
    expect(KNOWN_PATHS.size).toBeGreaterThan(150)
  })

  it.each([
    ['verb', 'audit.verb', 'text'],
    ['audit.verb', 'audit.verb', 'text'],
    ['objectRef.resource', 'audit.objectRef.resource', 'text'],
    ['actor.is_system', 'actor.is_system', 'boolean'],
    ['pod.namespace', 'pod.namespace', 'text'],
    ['runtime.pod.namespace', 'runtime.pod.namespace', 'text'],
    ['process.ancestors.executable', 'runtime.process.ancestors.executable', 'text'],
    ['process.ancestors[0].pid', 'runtime.process.ancestors[0].pid', 'number'],
    ['process.args[1]', 'runtime.process.args[1]', 'text'],
    ['time', 'time', 'time'],
    ['stageTimestamp', 'audit.stageTimestamp', 'time'],
    [
      'user.extra.authentication.kubernetes.io/pod-name',
      'audit.user.extra.authentication.kubernetes.io/pod-name',
      'text'
    ],
    ['pod.labels.app.kubernetes.io/name', 'pod.labels.app.kubernetes.io/name', 'text'],
    ['attributes.anything.at.all', 'runtime.attributes.anything.at.all', 'text'],
    ['requestObject', 'audit.requestObject', 'text'],
    ['requestObject.spec.anything', 'audit.requestObject.spec.anything', 'json'],
    ['workload', 'workload', 'record']
  ])('finds %s at %s', (name, path, type) => {
    expect(resolvePath(name)).toMatchObject({ path, type })
  })

  it.each([
    '',
    '.',
    'verb.',
    '.verb',
    'verb.x',
    'nothing',
    'actor.kind.x',
    'toString',
    '__proto__',
    'actor.__proto__',
    'actor.constructor',
    'pod[0].name',
    'a.'.repeat(40)
  ])('does not find %j', (name) => {
    expect(resolvePath(name)).toBeNull()
  })

  it.each([
    ['requestObject.spec', 'request'],
    ['requestObject', 'request'],
    ['responseObject.x', 'response'],
    ['pod_spec.images', 'pod_spec'],
    ['requestURI', null],
    ['pod.name', null]
  ])('says of %s that it is read from %s', (name, body) => {
    expect(resolvePath(name)?.body).toBe(body)
  })
})
