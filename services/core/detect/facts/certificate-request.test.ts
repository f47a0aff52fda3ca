import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { certificateRequestOf } from './certificate-request.ts'

/** Made with `openssl req -new`, OpenSSL 3.0: RSA for O=system:masters, CN=mallory. */
const RSA = `-----BEGIN CERTIFICATE REQUEST-----
MIIBajCB1AIBADArMRcwFQYDVQQKDA5zeXN0ZW06bWFzdGVyczEQMA4GA1UEAwwH
bWFsbG9yeTCBnzANBgkqhkiG9w0BAQEFAAOBjQAwgYkCgYEAm1cjIf4Y6njJFmil
yLIEQahFEFHpa8u9owcAt2Oy8q+gAQxtA7/znnU/8TXuWBgrPhaqnUaZ4M07GM/m
HISl0mPbBbtaAUPMWOWXLi38SHYTQz6aOZD9IW54YhhqA6toOxleYvDqIMJG9psn
Go5BfmEtMACfusRbpT9tBcYKkf0CAwEAAaAAMA0GCSqGSIb3DQEBCwUAA4GBACg4
PnIBRyWDQskZNFGoeKuj6HcKIm9iCVjFEl/lXkZOcfojc/s79+mpb3iTEKgv71Gx
kmmLQD9qQCwz+/usuEwW6XnuEw8r7rB1xaboPeJFhVkXp81cxEthGbQYxa4myXMR
iiuJ39jLbh7omMNzp3sZi1OTngFR6O4kuVCnWjhH
-----END CERTIFICATE REQUEST-----`
/** With `-newkey ec` of P-256, as all below: CN=system:node:worker-1, O=system:nodes. */
const EC = `-----BEGIN CERTIFICATE REQUEST-----
MIHwMIGYAgEAMDYxHTAbBgNVBAMMFHN5c3RlbTpub2RlOndvcmtlci0xMRUwEwYD
VQQKDAxzeXN0ZW06bm9kZXMwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASioEKI
WknH47A8k9otVL+1RgJt+7koUrkNZ5aBuunf3ObUtpZEUO9KtR0jqCXxyYyOYIjI
S8xfjwmt3OENNmp2oAAwCgYIKoZIzj0EAwIDRwAwRAIgTKuqA6ocu3+VupQXcD6v
/sKBfdnQAttyW5NmbpzilFsCIGxQAJyirgr1ajvxAZn9+gwxDivpIx3FqryFRG0E
+Ch6
-----END CERTIFICATE REQUEST-----`
/** O=dev, O=ops, OU=unit, O=system:masters, CN=alice. */
const SEVERAL = `-----BEGIN CERTIFICATE REQUEST-----
MIIBDjCBtgIBADBUMQwwCgYDVQQKDANkZXYxDDAKBgNVBAoMA29wczENMAsGA1UE
CwwEdW5pdDEXMBUGA1UECgwOc3lzdGVtOm1hc3RlcnMxDjAMBgNVBAMMBWFsaWNl
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEoqBCiFpJx+OwPJPaLVS/tUYCbfu5
KFK5DWeWgbrp39zm1LaWRFDvSrUdI6gl8cmMjmCIyEvMX48JrdzhDTZqdqAAMAoG
CCqGSM49BAMCA0cAMEQCIEOn5zyVKj0AAwXNEmzz7bvRvo4xUGx+zfWsf8ch+rbT
AiA5LWQDP7oQXVfpz06KOCQroY5EUpYY9WAsDXomYzgk/w==
-----END CERTIFICATE REQUEST-----`
/** `-utf8`: CN=Zoë-管理者, O=Größe. */
const UTF8 = `-----BEGIN CERTIFICATE REQUEST-----
MIHlMIGNAgEAMCsxFzAVBgNVBAMMDlpvw6st566h55CG6ICFMRAwDgYDVQQKDAdH
csO2w59lMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEoqBCiFpJx+OwPJPaLVS/
tUYCbfu5KFK5DWeWgbrp39zm1LaWRFDvSrUdI6gl8cmMjmCIyEvMX48JrdzhDTZq
dqAAMAoGCCqGSM49BAMCA0cAMEQCIGHK83izzMPI2TS1KWvq8o0wjWpy/2OQldUd
FA9UJqkpAiBQjzJeKiS//FaObXM8hSTwcBtNDyzK1Gvzn0sXptyYuQ==
-----END CERTIFICATE REQUEST-----`
/** `-multivalue-rdn`: both names in one set. */
const MULTI = `-----BEGIN CERTIFICATE REQUEST-----
MIHPMHgCAQAwFjEUMAgGA1UEAwwBYTAIBgNVBAoMAWIwWTATBgcqhkjOPQIBBggq
hkjOPQMBBwNCAASioEKIWknH47A8k9otVL+1RgJt+7koUrkNZ5aBuunf3ObUtpZE
UO9KtR0jqCXxyYyOYIjIS8xfjwmt3OENNmp2oAAwCgYIKoZIzj0EAwIDRwAwRAIg
K3YYlSPGaPy//5lmlsSWFqr6bqU6JHXidD/b8Je/8DUCIApBhUmAyXQDYy5yGOoS
agPzj5/FVUPDAw7wMu1iXnca
-----END CERTIFICATE REQUEST-----`
/** `string_mask=MASK:0x800`: O=system:masters, CN=Zoë as BMPString. */
const BMP = `-----BEGIN CERTIFICATE REQUEST-----
MIHzMIGaAgEAMDgxJTAjBgNVBAoeHABzAHkAcwB0AGUAbQA6AG0AYQBzAHQAZQBy
AHMxDzANBgNVBAMeBgBaAG8A6zBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABKKg
QohaScfjsDyT2i1Uv7VGAm37uShSuQ1nloG66d/c5tS2lkRQ70q1HSOoJfHJjI5g
iMhLzF+PCa3c4Q02anagADAKBggqhkjOPQQDAgNIADBFAiAITU69unDswRWPfins
d2m1sSG3CLFFpFsjGbBzrgHcIwIhANc3EQQCYKZkuU68rZzb2j175AUkq6XxJut/
QWZyRErR
-----END CERTIFICATE REQUEST-----`
/** `-subj /`: no name at all. */
const EMPTY = `-----BEGIN CERTIFICATE REQUEST-----
MIG7MGICAQAwADBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABKKgQohaScfjsDyT
2i1Uv7VGAm37uShSuQ1nloG66d/c5tS2lkRQ70q1HSOoJfHJjI5giMhLzF+PCa3c
4Q02anagADAKBggqhkjOPQQDAgNJADBGAiEAkvxpEDvZOKQEJaMRu5pCXogqKoif
PHtJORpecVnBDMUCIQC6G+9XFHS4ZJzw90VL+lAv06Y1fWRZmYmQWmb9qIKzhg==
-----END CERTIFICATE REQUEST-----`

const base64 = (text: string | Uint8Array) => Buffer.from(text).toString('base64')
const pemOf = (der: Uint8Array) =>
  `-----BEGIN CERTIFICATE REQUEST-----\n${base64(der)}\n-----END CERTIFICATE REQUEST-----\n`
const derOf = (pem: string) => Buffer.from(pem.replaceAll(/-----[^-]+-----|\n/g, ''), 'base64')
const factOf = (pem: string) =>
  certificateRequestOf({ spec: { request: base64(pem), signerName: 'kubernetes.io/kube-apiserver-client' } })
const namesOf = (pem: string) => {
  const fact = factOf(pem)
  return [fact?.common_names, fact?.organizations, fact?.readable]
}

describe('names of requests made by openssl', () => {
  it.each([
    ['RSA', RSA, ['mallory'], ['system:masters']],
    ['EC', EC, ['system:node:worker-1'], ['system:nodes']],
    ['several organisations', SEVERAL, ['alice'], ['dev', 'ops', 'system:masters']],
    ['names beyond ASCII', UTF8, ['Zoë-管理者'], ['Größe']],
    ['two names in one set', MULTI, ['a'], ['b']],
    ['names in another string type', BMP, ['Zoë'], ['system:masters']],
    ['no names', EMPTY, [], []]
  ])('%s', (_, pem, common, organizations) => {
    expect(namesOf(pem)).toEqual([common, organizations, true])
  })

  it('say the rest of what the object asks for', () => {
    const spec = { request: base64(EC), signerName: 's', username: 'u', usages: ['client auth', 7] }
    expect(certificateRequestOf({ spec })).toMatchObject({ signer: 's', requester: 'u', usages: ['client auth'] })
  })
})

describe('requests made to be misread', () => {
  it('a second block counts as well: which of them the API server takes is not for us to guess', () => {
    expect(namesOf(`${EC}\n${SEVERAL}`)).toEqual([
      ['system:node:worker-1', 'alice'],
      ['system:nodes', 'dev', 'ops', 'system:masters'],
      true
    ])
  })

  it('a block that is none does not hide the one after it, and is told', () => {
    const decoy = '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n'
    expect(namesOf(decoy + RSA)).toEqual([['mallory'], ['system:masters'], false])
  })

  it('headers and other text around a block change nothing', () => {
    const headed = RSA.replace('REQUEST-----\n', 'REQUEST-----\nProc-Type: 4\nX: y\n\n')
    expect(namesOf(`hello\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n${headed}`)).toEqual([
      ['mallory'],
      ['system:masters'],
      true
    ])
  })

  it('a hundred decoys and a megabyte of text do not hide a name', () => {
    const decoys = pemOf(derOf(EMPTY)).repeat(100) + 'x'.repeat(1_000_000)
    expect(namesOf(`${decoys}\n${RSA}`)).toEqual([['mallory'], ['system:masters'], true])
  })

  it.each([
    ['no PEM', 'nothing'],
    ['the label of a certificate', RSA.replaceAll('CERTIFICATE REQUEST', 'CERTIFICATE')],
    ['a length beyond the end', pemOf(Uint8Array.from([0x30, 0x83, 0xff, 0xff, 0xff, 0x30]))],
    ['a length of more bytes than there are', pemOf(Uint8Array.from([0x30, 0x83, 0x01]))],
    ['an indefinite length', pemOf(Uint8Array.from([0x30, 0x80, 0x30, 0x80, 0x02, 0x01, 0x00]))],
    ['lengths of five bytes', pemOf(Uint8Array.from([0x30, 0x85, 1, 1, 1, 1, 1, 0x30]))],
    ['two megabytes', `${'x'.repeat(2 * 1024 * 1024)}${RSA}`]
  ])('%s is not readable, and says no names', (_, pem) => {
    expect(namesOf(pem)).toEqual([[], [], false])
  })

  it('a request cut short anywhere before its end is not readable', () => {
    const der = derOf(SEVERAL)
    for (let length = 0; length < der.length; length += 1) {
      expect([length, factOf(pemOf(der.subarray(0, length)))?.readable]).toEqual([length, false])
    }
  })

  it('a subject with more names than fit says so', () => {
    const der = (tag: number, ...contents: readonly Uint8Array[]) => {
      const content = Buffer.concat(contents)
      return Buffer.concat([Uint8Array.from([tag, 0x83, 0, content.length >> 8, content.length & 0xff]), content])
    }
    const name = (index: number) =>
      der(0x31, der(0x30, der(0x06, Uint8Array.from([0x55, 4, 10])), der(0x0c, Buffer.from(`o${index}`))))
    const request = (count: number) =>
      der(0x30, der(0x30, der(2, Uint8Array.from([0])), der(0x30, ...Array.from({ length: count }, (_, i) => name(i)))))
    expect(factOf(pemOf(request(3)))).toMatchObject({ organizations: ['o0', 'o1', 'o2'], readable: true })
    expect(factOf(pemOf(request(257)))).toMatchObject({ organizations: [], readable: false })
  })
})

describe('whatever the object', () => {
  it('without a request and a signer there is no fact', () => {
    for (const object of [null, 3, 'x', [], {}, { spec: null }, { spec: { request: 5 } }, { spec: { request: '' } }])
      expect(certificateRequestOf(object)).toBeNull()
  })

  it('with a signer alone there is one that is not readable', () => {
    expect(certificateRequestOf({ spec: { signerName: 's' } })).toMatchObject({ signer: 's', readable: false })
  })

  it('never throws, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.string(), (bytes, text) => {
        for (const pem of [pemOf(bytes), text]) expect(factOf(pem)).toHaveProperty('readable')
        expect(certificateRequestOf({ spec: { request: text } }) === null).toBe(text === '')
      })
    )
  })

  it('never throws when one byte of a request is another, and finds no name that is not in it', () => {
    const der = derOf(SEVERAL)
    fc.assert(
      fc.property(fc.nat(der.length - 1), fc.integer({ min: 0, max: 255 }), (index, byte) => {
        const changed = Buffer.from(der)
        changed[index] = byte
        const fact = factOf(pemOf(changed))
        for (const name of fact?.organizations ?? []) expect(name.length).toBeLessThan(der.length)
      })
    )
  })
})
