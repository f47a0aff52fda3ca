import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { EnrichedEvent } from '../../schemas/generated/types.ts'
import { formatRuleError } from '../../services/core/detect/errors.ts'
import { type LoadOptions, type LoadResult, loadRuleSet } from '../../services/core/detect/load-rule-set.ts'

/** The project's own fields.yml. */
export const FIELDS = {
  file: 'rules/fields.yml',
  text: readFileSync(join(import.meta.dirname, '../../rules/fields.yml'), 'utf8')
}

/** Loads rules given as texts, named 1.yml, 2.yml, … */
export function loadTexts(texts: readonly string[], options: LoadOptions = {}): LoadResult {
  return loadRuleSet([FIELDS, ...texts.map((text, index) => ({ file: `${index + 1}.yml`, text }))], options)
}

/** A rule as text from its detection section, which may be given as an object: JSON is YAML. */
export function ruleText(
  detection: string | object,
  logsource = 'product: kubernetes, service: audit',
  title = 'a rule'
): string {
  const section =
    typeof detection === 'string' ? `\n${detection.replace(/^/gm, '  ')}` : ` ${JSON.stringify(detection)}`
  return `title: ${title}\nlogsource: { ${logsource} }\ndetection:${section}\n`
}

/** Whether a rule with this detection matches; throws when it does not load. */
export function matches(detection: string | object, event: EnrichedEvent, options: LoadOptions = {}): boolean {
  const logsource = event.audit === null ? 'product: weir, category: runtime' : 'product: kubernetes, service: audit'
  const { rules, errors } = loadTexts([ruleText(detection, logsource)], options)
  if (errors.length > 0) throw new Error(errors.map(formatRuleError).join('\n'))
  return rules.match(event).length === 1
}
