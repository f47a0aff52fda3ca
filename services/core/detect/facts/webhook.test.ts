import { expect, it } from 'vitest'
import { webhookUrls } from './webhook.ts'

const hook = (url: unknown) => ({ clientConfig: { url } })

it.each([
  ['https://hooks.example.net/mutate', 'hooks.example.net', 'name'],
  ['https://1.2.3.4:8443/x', '1.2.3.4', 'public'],
  ['https://10.1.2.3/x', '10.1.2.3', 'private'],
  ['https://0x7f.1/x', '127.0.0.1', 'loopback'],
  ['https://127.0.0.1:21362/mutate', '127.0.0.1', 'loopback'],
  ['https://[::1]:1/mutate', '::1', 'loopback'],
  ['https://hook.shop.svc:443/x?a=b.c', 'hook.shop.svc', 'cluster'],
  ['https://hook.shop.svc.cluster.local', 'hook.shop.svc.cluster.local', 'cluster'],
  ['https://hook.shop.svc.example.net/x', 'hook.shop.svc.example.net', 'name'],
  ['https://hook.shop.svc@example.net/x', 'example.net', 'name'],
  ['HTTPS://HOOKS.EXAMPLE.NET', 'hooks.example.net', 'name']
])('%s is asked at %s, which is of the kind %s', (url, host, kind) => {
  expect(webhookUrls({ webhooks: [hook(url)] })).toMatchObject([{ host, kind }])
})

it('all webhooks count, and the conversion of a definition', () => {
  const object = { webhooks: [hook('https://a.example'), hook(3), null, hook('https://b.example https://c.example')] }
  const spec = { conversion: { webhook: hook('https://d.example') } }
  expect(webhookUrls({ ...object, spec }).map(({ host }) => host)).toEqual(['a.example', 'b.example', 'd.example'])
})

it('a webhook that names a service has no URL', () => {
  expect(webhookUrls({ webhooks: [{ clientConfig: { service: { name: 's' } } }] })).toEqual([])
  for (const object of [null, 3, [], { webhooks: {} }, { webhooks: 'https://a.example' }])
    expect(webhookUrls(object)).toEqual([])
})
