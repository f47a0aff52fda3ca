import { describe, expect, it } from 'vitest'
import { toDeadLetter } from './dead-letter.ts'
import type { Message } from './stage.ts'

const message: Message = {
  topic: 'weir.audit.v1',
  partition: 3,
  offset: '9007199254740993',
  key: Buffer.from([1, 255]),
  value: Buffer.from('secret content'),
  headers: { traceparent: '00-aa-bb-01', 'dlq.code': 'FORGED', 'dlq.extra': 'x' },
  timestamp_ms: 1_790_000_000_000
}
const reason = {
  stage: 'decode',
  service: 'enricher',
  version: '0.1.0',
  code: 'CODEC_WRONG_MAGIC',
  message: 'the message begins with byte 115',
  attempts: 1,
  failed_at_ms: 1_790_000_001_234
}

describe('a dead letter', () => {
  it('has the original key and bytes, and says in its headers where it came from and why', () => {
    expect(toDeadLetter(message, reason)).toEqual({
      topic: 'weir.audit.v1.dlq',
      key: message.key,
      value: message.value,
      headers: {
        traceparent: '00-aa-bb-01',
        'dlq.topic': 'weir.audit.v1',
        'dlq.partition': '3',
        'dlq.offset': '9007199254740993',
        'dlq.timestamp': '1790000000000',
        'dlq.stage': 'decode',
        'dlq.code': 'CODEC_WRONG_MAGIC',
        'dlq.message': 'the message begins with byte 115',
        'dlq.service': 'enricher',
        'dlq.version': '0.1.0',
        'dlq.attempts': '1',
        'dlq.failed_at': '2026-09-21T14:13:21.234Z'
      }
    })
  })

  it('has no content of the event in its headers', () => {
    expect(JSON.stringify(toDeadLetter(message, reason).headers)).not.toContain('secret')
  })

  it('carries one event of a batch when told so', () => {
    const value = Buffer.from('one')
    expect(toDeadLetter(message, reason, value).value).toBe(value)
    expect(toDeadLetter({ ...message, value: null }, reason).value).toBeNull()
  })

  it.each([
    ['a\nb\x1b[31mc\u202ed', 'a b [31mc d'],
    ['x'.repeat(600), `${'x'.repeat(499)}…`],
    ['', '']
  ])('says its reason on one bounded line without control characters', (text, line) => {
    expect(toDeadLetter(message, { ...reason, message: text }).headers?.['dlq.message']).toBe(line)
  })
})
