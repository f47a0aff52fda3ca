import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { INGEST_ERRORS } from '../platform/ingest/errors.ts'
import { SPOOL_ERRORS } from '../platform/spool/errors.ts'
import { TAIL_ERRORS } from '../platform/tail/errors.ts'
import { WEBHOOK_ERRORS } from '../platform/webhook/errors.ts'

it('the README has every error, and no other', () => {
  const readme = readFileSync(new URL('README.md', import.meta.url), 'utf8')
  const documented = [...readme.matchAll(/^\| `([A-Z]+_[A-Z0-9_]+)`\s*\|/gm)].map(([, code]) => code)
  const codes = [WEBHOOK_ERRORS, SPOOL_ERRORS, TAIL_ERRORS, INGEST_ERRORS].flatMap((list) => Object.keys(list))
  expect(new Set(documented)).toEqual(new Set(codes))
  expect(documented).toHaveLength(codes.length)
})
