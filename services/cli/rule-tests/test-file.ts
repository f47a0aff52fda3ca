import { parse } from 'yaml'
import { z } from 'zod'
import type { EnrichedEvent } from '../../../schemas/generated/types.ts'
import type { RuleFile } from '../../core/detect/field-map.ts'
import { messageOf, WeirError } from '../../core/errors.ts'
import { isObject, type JsonObject } from '../../core/json.ts'
import { RULE_TEST_ERRORS } from './errors.ts'
import { eventsOfSteps, repetition, type Step, span } from './sequence.ts'
import { auditEvent, cloudEvent, type RuntimeShorthand, runtimeEvent, type TestFacts } from './test-events.ts'

const FACTS = z.enum(['pod', 'container', 'workload'])
const eventParts = {
  audit: z.record(z.string(), z.unknown()).optional(),
  runtime: z.record(z.string(), z.unknown()).optional(),
  cloud: z.record(z.string(), z.unknown()).optional(),
  facts: z.partialRecord(FACTS, z.record(z.string(), z.unknown())).optional()
}
const inlineEvent = z
  .strictObject(eventParts)
  .refine(
    ({ audit, runtime, cloud }) => [audit, runtime, cloud].filter((part) => part !== undefined).length === 1,
    'an event is either audit, runtime or cloud'
  )

/**
 * A case of a rule test: `name.test.yml` beside `name.yml` holds a list of these. The event is a raw audit event, a raw record of
 * CloudTrail, or a runtime event in the shorthand of `test-events.ts`, with facts that the inventory would add; or it is that of an earlier case with changes.
 */
const givenEvent = z.union([
  inlineEvent,
  /** `patch` is a JSON merge patch (RFC 7386) of the earlier event. */
  z.strictObject({ like: z.string(), patch: z.record(z.string(), z.unknown()).default({}) })
])

const ruleCase = z.strictObject({
  name: z.string().min(3),
  event: givenEvent,
  expect: z.enum(['match', 'no_match']),
  /** Why there is no match, where it is not the condition. */
  because: z.enum(['filtered', 'not_evaluable', 'other_logsource']).optional(),
  title: z.string().optional(),
  /** Id or name of the rule, where the file holds several. */
  rule: z.string().optional()
})

/** A case of a rule with memory (correlation): events with their times after the start. */
const sequenceCase = z.strictObject({
  name: z.string().min(3),
  events: z
    .array(
      z.strictObject({
        at: span,
        event: givenEvent,
        /** Name by which later steps and cases can say that theirs is like it. */
        as: z.string().min(3).optional(),
        repeat: repetition.optional()
      })
    )
    .min(1)
    .max(500),
  expect: z.enum(['match', 'no_match']),
  /** How many alerts there are in the end, 1 and more unless given. */
  alerts: z.number().int().positive().optional(),
  /** Title of the first alert. */
  title: z.string().optional(),
  rule: z.string().optional()
})

export type InlineEvent = z.infer<typeof inlineEvent>
export type SequenceCase = Omit<z.infer<typeof sequenceCase>, 'events'> & {
  readonly events: readonly Step<InlineEvent>[]
}

export type RuleCase = Omit<z.infer<typeof ruleCase>, 'event'> & { readonly event: z.infer<typeof inlineEvent> }

/** A file of rule tests that has been read. */
export interface RuleTestFile {
  readonly file: string
  /** The file with the rules, as it would be named. */
  readonly rule_file: string
  readonly cases: readonly RuleCase[]
  readonly sequences: readonly SequenceCase[]
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
  if (!Array.isArray(read)) return fail('it has to be a list of cases')
  const names = new Set<string>()
  const known = new Map<string, InlineEvent>()
  const resolve = (event: z.infer<typeof givenEvent>, name: string): InlineEvent => {
    if (!('like' in event)) return event
    const earlier = known.get(event.like)
    if (earlier === undefined) return fail(`"${name}" is like "${event.like}", and no earlier case is called so`)
    const patched = inlineEvent.safeParse(mergePatch(earlier, event.patch))
    return patched.success ? patched.data : fail(`"${name}": ${z.prettifyError(patched.error)}`)
  }
  const cases: RuleCase[] = []
  const sequences: SequenceCase[] = []
  for (const [index, given] of read.entries()) {
    const isSequence = isObject(given) && 'events' in given
    const parsed = (isSequence ? sequenceCase : ruleCase).safeParse(given)
    if (!parsed.success) return fail(`case ${index + 1}: ${z.prettifyError(parsed.error)}`)
    const { name } = parsed.data
    if (names.has(name)) return fail(`two cases are called "${name}"`)
    names.add(name)
    if ('event' in parsed.data) {
      const event = resolve(parsed.data.event, name)
      known.set(name, event)
      cases.push({ ...parsed.data, event })
      continue
    }
    const { events, ...rest } = parsed.data
    const steps: Step<InlineEvent>[] = []
    for (const { at, event, as, repeat } of events) {
      const inline = resolve(event, name)
      if (as !== undefined) known.set(as, inline)
      steps.push({ at, event: inline, repeat })
    }
    sequences.push({ ...rest, events: steps })
  }
  return { file, rule_file: file.replace(/\.test\.(ya?ml)$/, '.$1'), cases, sequences }
}

/** The event of a case, as the enricher would make it. */
export function eventOf({ event }: Pick<RuleCase, 'event'>): EnrichedEvent {
  const { audit, runtime, cloud, facts = {} } = event
  // What tests say of facts and processes is checked by the rules that read it.
  const known = facts as TestFacts
  if (cloud !== undefined) return cloudEvent(cloud, known)
  return audit === undefined
    ? runtimeEvent((runtime ?? {}) as RuntimeShorthand, known)
    : auditEvent(audit as JsonObject, known)
}

/** The events of a sequence, as the enricher would make them, at their times. @throws RangeError when there are too many */
export function eventsOf({ events }: SequenceCase): readonly EnrichedEvent[] {
  return eventsOfSteps(events, (event) => eventOf({ event }))
}
