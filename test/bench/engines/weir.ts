import { readFileSync } from 'node:fs'
import { formatRuleError } from '../../../services/core/detect/errors.ts'
import { loadRuleSet } from '../../../services/core/detect/load-rule-set.ts'
import type { Matcher } from '../../../services/core/detect/matcher.ts'
import { viewOfRaw } from '../../../services/core/detect/raw-event.ts'

/**
 * Weir as one of the engines, with the same work as the others: rules are sharded by kind, fields are looked up in the JSON as it
 * is. Arguments: file of rules, file of events, number of passes. Prints the least CPU time of a pass with the matches of each rule.
 */

interface RuleText {
  readonly id: string
  readonly kind: string
  readonly rule: string
}

/** Events are parsed and evaluated in parts, as all engines do. */
const PART = 10_000

const [rulesFile = '', eventsFile = '', passes = '1'] = process.argv.slice(2)
const { rules } = JSON.parse(readFileSync(rulesFile, 'utf8')) as { readonly rules: readonly RuleText[] }
const lines = readFileSync(eventsFile, 'utf8').split('\n').slice(0, -1)

function shardOf(texts: readonly RuleText[]): Matcher {
  const { matching, errors } = loadRuleSet(
    texts.map(({ id, rule }) => ({ file: `${id}.yml`, text: rule })),
    { raw: true }
  )
  if (errors.length > 0) throw new Error(errors.map(formatRuleError).join('\n'))
  return matching
}

const shards = new Map(
  [...Map.groupBy(rules, ({ kind }) => kind)].map(([kind, texts]) => [kind, shardOf(texts)] as const)
)

interface Prepared {
  readonly matching: Matcher
  readonly event: unknown
}

function prepare(line: string): Prepared {
  const event = JSON.parse(line) as { readonly kind: string }
  const matching = shards.get(event.kind)
  if (matching === undefined) throw new RangeError(`there are no rules for ${event.kind}`)
  return { matching, event }
}

let best_us = Number.POSITIVE_INFINITY
let counts = new Map<string, number>()
for (let pass = 0; pass < Number(passes); pass += 1) {
  counts = new Map(rules.map(({ id }) => [`rule ${id}`, 0]))
  let cpu_us = 0
  for (let from = 0; from < lines.length; from += PART) {
    const prepared = lines.slice(from, from + PART).map(prepare)
    // What parsing left is not evaluation's to clear away.
    globalThis.gc?.()
    const before = process.cpuUsage()
    for (const { matching, event } of prepared) {
      for (const { document } of matching(viewOfRaw(event)))
        counts.set(document.title, (counts.get(document.title) ?? 0) + 1)
    }
    const { user, system } = process.cpuUsage(before)
    cpu_us += user + system
  }
  best_us = Math.min(best_us, cpu_us)
}
console.log(
  JSON.stringify({
    engine: 'weir',
    events: lines.length,
    matches: [...counts.values()].reduce((sum, count) => sum + count, 0),
    cpu_s: best_us / 1e6,
    by_rule: Object.fromEntries([...counts].map(([title, count]) => [title.replace('rule ', ''), count]))
  })
)
