import fc from 'fast-check'
import ipaddr from 'ipaddr.js'
import { describe, expect, it } from 'vitest'
import { addressKind, networkOf, urlsIn } from './address.ts'

const kindsIn = (text: string) => urlsIn(text).map(({ kind }) => kind)

describe('the kind of an address', () => {
  it.each([
    ['8.8.8.8', 'public'],
    ['2a00:1450:4001:81b::200e', 'public'],
    ['::ffff:8.8.8.8', 'public'],
    ['10.96.0.1', 'private'],
    ['192.168.1.1', 'private'],
    ['100.64.0.1', 'private'],
    ['fd12::1', 'private'],
    ['::ffff:10.0.0.1', 'private'],
    ['127.0.0.53', 'loopback'],
    ['::1', 'loopback'],
    ['169.254.20.10', 'link_local'],
    ['fe80::1', 'link_local'],
    ['0.0.0.0', 'unspecified'],
    ['224.0.0.1', 'other'],
    ['169.254.169.254', 'metadata'],
    ['::ffff:169.254.169.254', 'metadata'],
    ['169.254.170.2', 'metadata'],
    ['169.254.170.23', 'metadata'],
    ['168.63.129.16', 'metadata'],
    ['100.100.100.200', 'metadata'],
    ['fd00:ec2::254', 'metadata'],
    ['fd00:0ec2:0:0::23', 'metadata'],
    ['FD00:EC2::254', 'metadata'],
    ['169.254.169.253', 'link_local'],
    ['not an address', null],
    ['', null],
    [null, null]
  ])('of %s is %s', (address, kind) => {
    expect(addressKind(address)).toBe(kind)
  })

  it('never throws, and is null for what is no address', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.ipV4(), fc.ipV6()), (text) => {
        const kind = addressKind(text)
        expect((kind === null) === (networkOf(text) === null)).toBe(true)
      })
    )
  })
})

describe('the network of an address', () => {
  it.each([
    ['203.0.113.77', '203.0.113.0/24'],
    ['::ffff:203.0.113.77', '203.0.113.0/24'],
    ['2001:db8:1:2::3', '2001:db8:1::/48'],
    ['x', null],
    [null, null]
  ])('of %s is %s', (address, network) => {
    expect(networkOf(address)).toBe(network)
  })
})

describe('a dotted quad', () => {
  it('is told as ipaddr.js tells it, which reads it some other way', () => {
    fc.assert(
      fc.property(fc.ipV4(), (text) => {
        const kind = addressKind(text)
        const range = ipaddr.process(text).range()
        expect(networkOf(text)).toBe(`${ipaddr.IPv4.networkAddressFromCIDR(`${text}/24`).toString()}/24`)
        if (kind !== 'metadata') expect(kind === 'public').toBe(range === 'unicast')
        if (kind === 'other')
          expect(['reserved', 'multicast', 'broadcast', 'as112', 'amt', 'benchmarking']).toContain(range)
      }),
      { numRuns: 2000 }
    )
  })
})

describe('URLs of a command line', () => {
  it.each([
    ['dotted', '169.254.169.254'],
    ['decimal', '2852039166'],
    ['hexadecimal', '0xA9FEA9FE'],
    ['hexadecimal by parts', '0xa9.0xfe.0xa9.0xfe'],
    ['octal by parts', '0251.0376.0251.0376'],
    ['mixed, the last two parts as one', '169.254.43518'],
    ['the last three parts as one', '169.16689662'],
    ['as IPv6', '[::ffff:169.254.169.254]'],
    ['as IPv6 in hexadecimal', '[::ffff:a9fe:a9fe]'],
    ['with a dot at the end', '169.254.169.254.'],
    ['behind a user', 'example.org@169.254.169.254']
  ])('find the metadata service %s', (_, host) => {
    expect(urlsIn(`curl -s http://${host}/latest/meta-data/`)).toEqual([
      { scheme: 'http', host: '169.254.169.254', port: null, path: '/latest/meta-data/', kind: 'metadata' }
    ])
  })

  it.each([
    ['curl 169.254.169.254/latest/meta-data', '169.254.169.254'],
    ['wget -qO- 2852039166/latest', '169.254.169.254'],
    ["sh -c 'curl 0xA9FEA9FE'", '169.254.169.254'],
    ['curl -H "Metadata-Flavor: Google" metadata.google.internal/computeMetadata/v1/', 'metadata.google.internal'],
    ['curl http://metadata/computeMetadata/v1/', 'metadata'],
    ['curl http://instance-data/latest', 'instance-data'],
    ['curl -g http://[fd00:ec2::254]/latest', 'fd00:ec2::254']
  ])('find the metadata service in %s', (text, host) => {
    expect(urlsIn(text)).toMatchObject([{ host, kind: 'metadata' }])
  })

  it.each([
    ['curl 198.51.100.7:8080/x.sh', [{ scheme: null, host: '198.51.100.7', port: 8080, path: '/x.sh' }]],
    ['curl HTTPS://Example.ORG:8443/A?b#c', [{ scheme: 'https', host: 'example.org', port: 8443, path: '/A?b#c' }]],
    ['xmrig -o stratum+tcp://pool.example.org:3333', [{ scheme: 'stratum+tcp', port: 3333, kind: 'name' }]],
    ['curl http://[2001:db8::1]:80/', [{ host: '2001:db8::1', port: 80 }]],
    ['sh -c "wget http://1.1.1.1/a; wget http://9.9.9.9/b"', [{ host: '1.1.1.1' }, { host: '9.9.9.9' }]]
  ])('are taken apart: %s', (text, urls) => {
    expect(urlsIn(text)).toMatchObject(urls)
  })

  it.each([
    ['curl http://minio:9000/', ['cluster']],
    ['curl https://kubernetes.default.svc/api', ['cluster']],
    ['curl https://db.prod.svc.cluster.local:5432', ['cluster']],
    ['curl http://localhost:8080', ['cluster']],
    ['curl http://127.0.0.1:8080', ['loopback']],
    ['curl http://10.0.0.1/', ['private']],
    ['curl http://10.0.0.1.evil.example/', ['name']],
    ['curl http://svc.example.org/', ['name']]
  ])('have kinds: %s', (text, kinds) => {
    expect(kindsIn(text)).toEqual(kinds)
  })

  it.each([
    'curl --version',
    'tar xf backup-1234567890.tgz',
    'kubectl get pods --since 1234567890',
    'app --release=1.2.3.4-rc1',
    'grep metadata file',
    'http://',
    'curl http://:80/'
  ])('are not seen in %s', (text) => {
    expect(urlsIn(text)).toEqual([])
  })

  it('are at most 16', () => {
    expect(urlsIn('http://a.example '.repeat(40)).length).toBe(16)
    expect(urlsIn('10.0.0.1 '.repeat(40)).length).toBe(16)
  })

  it('never throw, whatever the text', () => {
    const piece = fc.oneof(
      fc.string(),
      fc.ipV4Extended(),
      fc.ipV6(),
      fc.constantFrom('http://', '[', ']', '@', ':', '.', '%', '/')
    )
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        for (const { host } of urlsIn(pieces.join(''))) expect(host).not.toBe('')
      })
    )
  })
})
