import { dirname, relative } from 'node:path'
import type { ListedRule } from '../services/cli/listed-rules.ts'
import type { MatrixTechnique, RuleCatalogue } from '../services/cli/rule-catalogue.ts'
import { inKillChainOrder } from '../services/core/correlate/tactics.ts'
import { tacticName } from '../services/core/export/attack-names.ts'
import { table } from './markdown.ts'

const linkTo = (rule: ListedRule, folder: string) => `[${rule.title}](${relative(folder, rule.file)})`

function leftOut({ codes }: RuleCatalogue): string {
  const rows = [...codes].flatMap(([code, { left_out }]) => (left_out === undefined ? [] : [[code, left_out]]))
  return rows.length === 0 ? '' : `\n## Codes without a rule\n\n${table(['Code', 'Why'], rows)}`
}

/**
 * The table of all rules by tactic. A rule with several tactics stands under the first of them.
 * @param folder where the page lies, for links
 */
export function rulesPage(rules: readonly ListedRule[], catalogue: RuleCatalogue, folder: string): string {
  const tactics = inKillChainOrder(rules.flatMap((rule) => rule.tactics))
  const sections = tactics.flatMap((tactic) => {
    const mine = rules.filter((rule) => rule.tactics[0] === tactic)
    if (mine.length === 0) return []
    const rows = mine.map((rule) => [
      rule.code ?? '',
      linkTo(rule, folder),
      rule.level,
      [...rule.techniques, ...rule.microsoft].join(' ')
    ])
    return [`## ${tacticName(tactic)}\n\n${table(['Code', 'Rule', 'Level', 'Techniques'], rows)}`]
  })
  const count = (kind: string) => rules.filter(({ file }) => dirname(file).endsWith(`/${kind}`)).length
  const kinds = ['audit', 'runtime', 'cloud', 'correlated', 'profiles'].map((kind) => `${count(kind)} ${kind}`)
  return `# Rules

${rules.length} rules: ${kinds.join(', ')}. How they are written: [writing rules](../docs/writing-rules.md); against which
techniques they stand: [coverage](../docs/coverage.md).

${sections.join('\n')}${leftOut(catalogue)}`
}

function matrix(
  techniques: ReadonlyMap<string, MatrixTechnique>,
  rulesOf: (id: string) => readonly ListedRule[]
): string {
  const rows = [...techniques].map(([id, { name, peers }]) => {
    const rules = rulesOf(id)
    const gaps = [...new Set(rules.flatMap(({ known_gaps }) => known_gaps.slice(0, 1)))].slice(0, 2)
    const codes = [...new Set(rules.map(({ code, name: own }) => code ?? own))]
    return [id, name, String(rules.length), codes.join(' ') || '**none**', peers, gaps.join(' ')]
  })
  return table(['Technique', 'Name', 'Rules', 'Codes', 'Peers', 'Known gaps, for example'], rows)
}

/** Rules tagged with a technique, or with a part of it. */
export const rulesOfTechnique = (rules: readonly ListedRule[], id: string): readonly ListedRule[] =>
  rules.filter(({ techniques }) => techniques.some((one) => one === id || one.startsWith(`${id}.`)))

export const rulesOfMicrosoft = (rules: readonly ListedRule[], id: string): readonly ListedRule[] =>
  rules.filter(({ microsoft }) => microsoft.includes(id))

/** Both matrices against the rules. */
export function coveragePage(rules: readonly ListedRule[], { attack, microsoft }: RuleCatalogue): string {
  return `# Coverage

Techniques against the rules that are tagged with them. A tag says what a rule is evidence of, not that it sees every way of doing it:
each rule states its known gaps, of which the tables show some. Peers: whether one of Falco, Sigma, Elastic, Panther, Splunk, GuardDuty,
Defender, Google SCC, Cortex, Datadog, Tracee or Kubescape has a rule that would fire, by their public rules and documents.
\`weir rules coverage --navigator FILE\` writes the first table as a layer for the ATT&CK Navigator;
[rules/coverage/navigator.json](../rules/coverage/navigator.json) is one.

## MITRE ATT&CK, platform Containers (v18.1)

${matrix(attack, (id) => rulesOfTechnique(rules, id))}
## Microsoft's Threat Matrix for Kubernetes

${matrix(microsoft, (id) => rulesOfMicrosoft(rules, id))}`
}
