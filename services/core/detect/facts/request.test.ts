import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { auditEvent } from '../../../cli/rule-tests/test-events.ts'
import { clientFamily, execOf, programOf, requestPath } from './request.ts'

function exec(requestURI: string | null, subresource: string | null = 'exec') {
  const { audit } = auditEvent({ verb: 'get', requestURI, objectRef: { resource: 'pods', name: 'web-1', subresource } })
  if (audit === null) throw new Error('no audit event')
  return execOf(audit)
}
const URI = '/api/v1/namespaces/shop/pods/web-1/exec'

describe('an exec', () => {
  it('is read from the query, arguments in order and decoded', () => {
    expect(
      exec(`${URI}?command=%2Fbin%2FSh&command=-c&command=echo+a%20b%26&container=app&stdin=true&tty=true`)
    ).toEqual({
      command_line: '/bin/Sh -c echo a b&',
      program: 'sh',
      container: 'app',
      stdin: true,
      tty: true
    })
  })

  it.each([
    ['1', true],
    ['true', true],
    ['false', false],
    ['0', false],
    ['', false]
  ])('takes %s for a terminal: %s', (tty, asked) => {
    expect(exec(`${URI}?command=sh&tty=${tty}`)?.tty).toBe(asked)
  })

  it('without a command has none', () => {
    expect(exec(URI)).toEqual({ command_line: null, program: null, container: null, stdin: false, tty: false })
    expect(exec('/api/v1/namespaces/shop/pods/web-1/attach?stdin=1', 'attach')).toMatchObject({
      program: null,
      stdin: true
    })
  })

  it('keeps what is not percent-encoded text as it is', () => {
    expect(exec(`${URI}?command=%E0%A4%A&command=%zz`)?.command_line).toContain('%zz')
  })

  it('is bounded', () => {
    expect(exec(`${URI}?command=${'a'.repeat(100_000)}`)?.command_line?.length).toBeLessThanOrEqual(65_537)
  })

  it.each([null, 'log', 'portforward', 'proxy'])('is not a request with the subresource %s', (subresource) => {
    expect(exec(`${URI}?command=sh`, subresource)).toBeNull()
  })

  it('is not known without a URI', () => {
    expect(exec(null)).toBeNull()
  })

  it('never throws, whatever the URI', () => {
    const piece = fc.oneof(
      fc.string(),
      fc.constantFrom('?', '&', 'command=', 'container=', '%', '%2', '#', '__proto__=')
    )
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const found = exec(pieces.join(''))
        expect(found?.program?.includes('/') ?? false).toBe(false)
      })
    )
  })
})

describe('the path of a request', () => {
  it.each([
    ['/api/v1/pods?limit=500', '/api/v1/pods'],
    ['/api/v1/namespaces/a%2Fb', '/api/v1/namespaces/a/b'],
    ['/%E0%A4%A', '/%E0%A4%A'],
    ['', ''],
    [null, null]
  ])('of %s is %s', (uri, path) => {
    expect(requestPath(uri)).toBe(path)
  })

  it('never throws', () => {
    fc.assert(fc.property(fc.string(), (uri) => typeof requestPath(uri) === 'string'))
  })
})

describe('the client', () => {
  it.each([
    ['kubectl/v1.34.1 (linux/amd64) kubernetes/93248f9', 'kubectl'],
    ['Python-urllib/3.11', 'python-urllib'],
    ['curl', 'curl'],
    ['Mozilla/5.0 (X11)', 'mozilla'],
    ['(compatible)', null],
    ['', null],
    [null, null]
  ])('of %s is %s', (userAgent, client) => {
    expect(clientFamily(userAgent)).toBe(client)
  })
})

it.each([
  ['/usr/bin/Curl', 'curl'],
  ['curl', 'curl'],
  ['/', ''],
  ['', '']
])('the program of %s is %s', (path, program) => {
  expect(programOf(path)).toBe(program)
})
