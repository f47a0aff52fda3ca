import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { credentialsIn } from './credentials.ts'

describe('credentialsIn', () => {
  it.each([
    ['an AWS access key', { 'app.ini': 'key = AKIAIOSFODNN7EXAMPLE' }, 'aws_access_key'],
    ['a private key', { 'id.pem': '-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl' }, 'private_key'],
    ['a token', { t: 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW0ifQ.c2lnbmF0dXJlLWhlcmU' }, 'json_web_token'],
    ['a GitHub token', { t: `x ghp_${'a1B2'.repeat(9)} y` }, 'github_token'],
    ['a Slack token', { t: 'xoxb-123456789012-abcdefghij' }, 'slack_token'],
    ['a key of a Google service account', { 'sa.json': '{ "type": "service_account" }' }, 'google_service_account_key'],
    ['a URL with a password', { url: 'amqp://web:s3cret@queue:5672' }, 'url_with_password'],
    ['a value under a key that names a secret', { API_KEY: 'Zk39-fQ82_mmP0' }, 'value_of_secret_key']
  ])('finds %s and says under which key, not its value', (_, data, kind) => {
    expect(credentialsIn({ data })).toEqual([{ key: Object.keys(data)[0], kind }])
  })

  it.each([
    ['a certificate', { c: '-----BEGIN CERTIFICATE-----\nMIIB' }],
    ['a public key', { k: '-----BEGIN PUBLIC KEY-----\nMIIB' }],
    ['a placeholder', { password: '$DATABASE_PASSWORD', secret: '<your-secret-here>', token: 'changeme' }],
    ['a path to a secret', { password_file: '/run/secrets/database/password' }],
    ['a URL without a password', { url: 'https://user@example.org/path:with/colons@here' }],
    ['a word under a key that names a secret', { password: 'passwordpassword' }],
    ['something that is no text', { password: 123_456_789_012 }]
  ])('passes over %s', (_, data) => {
    expect(credentialsIn({ data })).toEqual([])
  })

  it('reads anything at all without failing', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        expect(Array.isArray(credentialsIn(value))).toBe(true)
        expect(Array.isArray(credentialsIn({ data: value }))).toBe(true)
      })
    )
  })

  it('looks at no more than its bounds', () => {
    const data = Object.fromEntries(Array.from({ length: 600 }, (_, index) => [`key-${index}`, 'AKIAIOSFODNN7EXAMPLE']))
    expect(credentialsIn({ data })).toHaveLength(500)
    expect(credentialsIn({ data: { a: `${' '.repeat(70_000)} AKIAIOSFODNN7EXAMPLE` } })).toEqual([])
  })
})
