import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { WEBHOOK_ERRORS } from './errors.ts'

it('the README has every error, and no other', () => {
  const readme = readFileSync(new URL('README.md', import.meta.url), 'utf8')
  const documented = [...readme.matchAll(/^\| `(WEBHOOK_[A-Z0-9_]+)`\s*\|/gm)].map(([, code]) => code)
  expect(new Set(documented)).toEqual(new Set(Object.keys(WEBHOOK_ERRORS)))
  expect(documented).toHaveLength(Object.keys(WEBHOOK_ERRORS).length)
})
