import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { RequestOptions } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { inClusterAccess, kubeconfigAccess } from './access.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-access-'))
})
const put = (name: string, text: string) => writeFileSync(join(folder, name), text)
const base64 = (text: string) => Buffer.from(text).toString('base64')

async function authorised(access: { authorise(options: RequestOptions): Promise<void> }): Promise<RequestOptions> {
  const options: RequestOptions = { headers: { accept: 'x' } }
  await access.authorise(options)
  return options
}

const kubeconfig = (user: object, cluster: object = {}) =>
  JSON.stringify({
    'current-context': 'prod',
    contexts: [
      { name: 'prod', context: { cluster: 'c', user: 'u' } },
      { name: 'half', context: { cluster: 'nowhere', user: 'u' } }
    ],
    clusters: [{ name: 'c', cluster: { server: 'https://192.0.2.1:6443/path', ...cluster } }],
    users: [{ name: 'u', user }]
  })

describe('the service account of a pod', () => {
  const environment = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '6443' }

  it('is used with its CA, and its token is read again when it was renewed', async () => {
    put('ca.crt', 'CA')
    put('token', 'one\n')
    let now = 0
    const access = inClusterAccess(environment, () => now, folder)
    expect(access.server.href).toBe('https://[fd00::1]:6443/')
    expect(await authorised(access)).toEqual({ ca: 'CA', headers: { accept: 'x', authorization: 'Bearer one' } })
    put('token', 'two')
    now += 60_000
    expect((await authorised(access)).headers).toMatchObject({ authorization: 'Bearer two' })
    // Between two renewals the file may be missing for a moment.
    rmSync(join(folder, 'token'))
    now += 60_000
    expect((await authorised(access)).headers).toMatchObject({ authorization: 'Bearer two' })
  })

  it('is missing outside of a pod, which is said', () => {
    expect(() => inClusterAccess({}, Date.now, folder)).toThrow(/this is no pod/)
    expect(() => inClusterAccess(environment, Date.now, folder)).toThrow(/cannot read .*ca\.crt/)
  })
})

describe('a kubeconfig', () => {
  it.each([
    ['a token', { token: 't' }, { headers: { accept: 'x', authorization: 'Bearer t' } }],
    [
      'certificates in itself',
      { 'client-certificate-data': base64('C'), 'client-key-data': base64('K') },
      { cert: 'C', key: 'K' }
    ],
    ['certificates in files', { 'client-certificate': 'c.pem', 'client-key': 'k.pem' }, { cert: 'C', key: 'K' }],
    ['a token in a file', { tokenFile: 'token' }, { headers: { accept: 'x', authorization: 'Bearer t' } }],
    ['a name and a password', { username: 'u', password: 'p' }, { auth: 'u:p' }]
  ])('with %s is used', async (_, user, wanted) => {
    for (const [name, text] of [
      ['c.pem', 'C'],
      ['k.pem', 'K'],
      ['token', 't\n']
    ] as const)
      put(name, text)
    put('config', kubeconfig(user, { 'certificate-authority-data': base64('CA') }))
    const access = await kubeconfigAccess(join(folder, 'config'), undefined, Date.now)
    expect(access.server.href).toBe('https://192.0.2.1:6443/path')
    expect(await authorised(access)).toMatchObject({ ca: 'CA', ...wanted })
  })

  it('that leads nowhere, is no YAML or names files that are not there, is an error that says so', async () => {
    const load = (context?: string) => kubeconfigAccess(join(folder, 'config'), context, Date.now)
    await expect(load()).rejects.toMatchObject({
      code: 'KUBE_CONFIG_INVALID',
      message: expect.stringContaining('cannot read')
    })
    put('config', kubeconfig({}))
    await expect(load('other')).rejects.toThrow(/no context other with a server/)
    await expect(load('half')).rejects.toThrow(/no context half/)
    put('config', '{')
    await expect(load()).rejects.toThrow(/is no YAML/)
    put('config', kubeconfig({ 'client-certificate': 'missing.pem' }))
    await expect(load()).rejects.toThrow(/missing\.pem/)
  })
})
