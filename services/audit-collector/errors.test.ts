import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { WEBHOOK_ERRORS } from './errors.ts'

it('the README has every error, and no other', () => {
  const readme = readFileSync(new URL('README.md', import.meta.url), 'utf8')
  const documented = [...readme.matchAll(/^\| `(WEBHOOK_[A-Z0-9_]+)` \|/gm)].map(([, code]) => code)
  expect(documented.toSorted()).toEqual(Object.keys(WEBHOOK_ERRORS).toSorted())
})
