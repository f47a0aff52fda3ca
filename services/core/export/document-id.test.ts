import fc from 'fast-check'
import { expect, it } from 'vitest'
import { documentId } from './document-id.ts'

it('keeps an identity that fits', () => {
  expect(documentId('8950038c-f1d4-48a2-b17b-86ca3a8fae67/ResponseStarted')).toBe(
    '8950038c-f1d4-48a2-b17b-86ca3a8fae67/ResponseStarted'
  )
})

it('hashes what OpenSearch would not take, each to its own', () => {
  const long = 'é'.repeat(257)
  expect(documentId(long)).toMatch(/^sha256:[0-9a-f]{64}$/)
  expect(documentId(`${long}a`)).not.toBe(documentId(long))
  expect(documentId('')).toMatch(/^sha256:/)
  expect(documentId('é'.repeat(256))).toBe('é'.repeat(256))
})

it('always gives an id of 1 to 512 bytes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 700 }), (identity) => {
      const bytes = Buffer.byteLength(documentId(identity))
      expect(bytes).toBeGreaterThan(0)
      expect(bytes).toBeLessThanOrEqual(512)
    }),
    { numRuns: 30 }
  )
})
