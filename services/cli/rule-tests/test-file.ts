import { parse } from 'yaml'
import { z } from 'zod'
import type { EnrichedEvent } from '../../../schemas/generated/types.ts'
import type { RuleFile } from '../../core/detect/field-map.ts'
import { messageOf, WeirError } from '../../core/errors.ts'
import { isObject, type JsonObject } from '../../core/json.ts'
import { RULE_TEST_ERRORS } from './errors.ts'
import { auditEvent, type RuntimeShorthand, runtimeEvent, type TestFacts } from './test-events.ts'

const FACTS = z.enum(['pod', 'container', 'workload'])
const eventParts = {
  audit: z.record(z.string(), z.unknown()).optional(),
  runtime: z.record(z.string(), z.unknown()).optional(),
  facts: z.partialRecord(FACTS, z.record(z.string(), z.unknown())).optional()
}
const inlineEvent = z
  .strictObject(eventParts)
  .refine(
    ({ audit, runtime }) => (audit === undefined) !== (runtime === undefined),
    'an event is either audit or runtime'
  )

/**
 * A case of a rule test: `name.test.yml` beside `name.yml` holds a list of these. The event is a raw audit event, or a runtime
 * event in the shorthand of `test-events.ts`, with facts that the inventory would add; or it is that of an earlier case with changes.
 */
const ruleCase = z.strictObject({
  name: z.string().min(3),
  event: z.union([
    inlineEvent,
    /** `patch` is a JSON merge patch (RFC 7386) of the earlier case's event. */
    z.strictObject({ like: z.string(), patch: z.record(z.string(), z.unknown()) })
  ]),
  expect: z.enum(['match', 'no_match']),
  /** Why there is no match, where it is not the condition. */
  because: z.enum(['filtered', 'not_evaluable', 'other_logsource']).optional(),
  title: z.string().optional(),
  /** Id or name of the rule, where the file holds several. */
  rule: z.string().optional()
})

export type RuleCase = Omit<z.infer<typeof ruleCase>, 'event'> & { readonly event: z.infer<typeof inlineEvent> }

/** A file of rule tests that has been read. */
export interface RuleTestFile {
  readonly file: string
  /** The file with the rules, as it would be named. */
  readonly rule_file: string
  readonly cases: readonly RuleCase[]
}

/** RFC 7386: objects are merged, null removes, everything else replaces. */
function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch
  const merged = new Map<string, unknown>(isObject(target) ? Object.entries(target) : [])
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key)
    else merged.set(key, mergePatch(merged.get(key), value))
  }
  return Object.fromEntries(merged)
}

/**
 * Reads a file of rule tests.
 * @throws WeirError RULES_TEST_FILE, naming the file and what is wrong
 */
export function parseTestFile({ file, text }: RuleFile): RuleTestFile {
  const fail = (message: string): never => {
    throw new WeirError(RULE_TEST_ERRORS, 'RULES_TEST_FILE', `${file}: ${message}`)
  }
  let read: unknown
  try {
    read = parse(text, { version: '1.2' })
  } catch (error) {
    return fail(messageOf(error))
  }
  const result = z.array(ruleCase).safeParse(read)
  if (!result.success) return fail(z.prettifyError(result.error))
  const cases = new Map<string, RuleCase>()
  for (const { event, ...rest } of result.data) {
    if (cases.has(rest.name)) return fail(`two cases are called "${rest.name}"`)
    if (!('like' in event)) {
      cases.set(rest.name, { ...rest, event })
      continue
    }
    const earlier = cases.get(event.like)
    if (earlier === undefined) return fail(`"${rest.name}" is like "${event.like}", and no earlier case is called so`)
    const patched = inlineEvent.safeParse(mergePatch(earlier.event, event.patch))
    if (!patched.success) return fail(`"${rest.name}": ${z.prettifyError(patched.error)}`)
    cases.set(rest.name, { ...rest, event: patched.data })
  }
  return { file, rule_file: file.replace(/\.test\.(ya?ml)$/, '.$1'), cases: [...cases.values()] }
}

/** The event of a case, as the enricher would make it. */
export function eventOf(given: RuleCase): EnrichedEvent {
  const { audit, runtime, facts = {} } = given.event
  // What tests say of facts and processes is checked by the rules that read it.
  const known = facts as TestFacts
  return audit === undefined
    ? runtimeEvent((runtime ?? {}) as RuntimeShorthand, known)
    : auditEvent(audit as JsonObject, known)
}
