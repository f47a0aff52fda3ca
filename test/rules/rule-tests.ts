import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import type { EnrichedEvent } from '../../schemas/generated/types.ts'
import { auditEvent, type RuntimeShorthand, runtimeEvent, type TestFacts } from '../support/enriched-event.ts'

/** Root of the project's rules. */
export const RULES = join(import.meta.dirname, '../../rules')

/**
 * A case of a rule test: `name.test.yml` beside `name.yml` holds a list of these. The event is a raw audit event, or a runtime
 * event in the shorthand of `test/support/enriched-event.ts`, with facts that the inventory would add.
 */
const ruleCase = z.strictObject({
  name: z.string().min(3),
  event: z
    .strictObject({
      audit: z.record(z.string(), z.unknown()).optional(),
      runtime: z.record(z.string(), z.unknown()).optional(),
      facts: z.record(z.enum(['pod', 'container', 'workload']), z.record(z.string(), z.unknown()).optional()).optional()
    })
    .refine(
      ({ audit, runtime }) => (audit === undefined) !== (runtime === undefined),
      'an event is either audit or runtime'
    ),
  expect: z.enum(['match', 'no_match']),
  /** Why there is no match, where it is not the condition. */
  because: z.enum(['filtered', 'not_evaluable', 'other_logsource']).optional(),
  title: z.string().optional()
})

export type RuleCase = z.infer<typeof ruleCase>

export interface RuleTestFile {
  /** Path below `rules/`, of the rule. */
  readonly rule: string
  readonly cases: readonly RuleCase[]
}

/** Paths of rule files below `rules/`, tests and fields.yml left out. */
export function ruleFiles(): readonly string[] {
  return readdirSync(RULES, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.yml') && !entry.name.endsWith('.test.yml'))
    .map((entry) => relative(RULES, join(entry.parentPath, entry.name)))
    .filter((path) => path !== 'fields.yml' && !path.startsWith('playbooks'))
    .sort()
}

/** Reads the tests of a rule. @throws when the file is missing or not of the form above */
export function ruleTests(rule: string): RuleTestFile {
  const file = join(RULES, rule.replace(/\.yml$/, '.test.yml'))
  const read: unknown = parse(readFileSync(file, 'utf8'), { version: '1.2' })
  const result = z.array(ruleCase).safeParse(read)
  if (!result.success) throw new Error(`${relative(RULES, file)}: ${z.prettifyError(result.error)}`)
  return { rule, cases: result.data }
}

/** The event of a case. */
export function eventOf(given: RuleCase): EnrichedEvent {
  const { audit, runtime, facts = {} } = given.event
  // What tests say of facts and processes is checked by the rules that read it.
  const known = facts as TestFacts
  return audit === undefined ? runtimeEvent((runtime ?? {}) as RuntimeShorthand, known) : auditEvent(audit, known)
}
