import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { rulesOfMicrosoft, rulesOfTechnique } from '../../docs/rule-pages.ts'
import { listRules } from '../../services/cli/listed-rules.ts'
import { readRuleCatalogue } from '../../services/cli/rule-catalogue.ts'
import { eventOf } from '../../services/cli/rule-tests/test-file.ts'
import { loadRuleSet } from '../../services/core/detect/load-rule-set.ts'
import { severityRank } from '../../services/core/severity.ts'
import { readRuleFolder } from '../../services/platform/rule-files.ts'
import { RULES, ruleFiles, ruleTests } from './rule-tests.ts'

const result = loadRuleSet(await readRuleFolder(RULES))
const listed = listRules(result)
const catalogue = await readRuleCatalogue()

/** Ids of ATT&CK v19 for what it renamed. */
const RENAMED: ReadonlySet<string> = new Set(['T1685', 'T1685.002', 'T1685.006', 'T1686', 'T1686.001'])

const known = new Set(
  readFileSync(join(import.meta.dirname, '../fixtures/attack-technique-ids.txt'), 'utf8')
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .flatMap((line) => line.split(' '))
)

describe('the rules against the catalogue', () => {
  it('have every code, or it is said why there is none', () => {
    const codes = new Set(listed.map(({ code }) => code))
    const missing = [...catalogue.codes].filter(([code, { left_out }]) => !codes.has(code) && left_out === undefined)
    expect(missing.map(([code]) => code)).toEqual([])
    const needless = [...catalogue.codes].filter(([code, { left_out }]) => codes.has(code) && left_out !== undefined)
    expect(needless.map(([code]) => code)).toEqual([])
  })

  it('have no code that the catalogue does not know', () => {
    expect(listed.filter(({ code }) => code === null || !catalogue.codes.has(code)).map(({ name }) => name)).toEqual([])
  })

  it('are never graver by themselves than the catalogue lets them be', () => {
    const graver = listed.filter(({ code, level }) => {
      const most = catalogue.codes.get(code ?? '')?.level
      return most !== undefined && severityRank(level) > severityRank(most)
    })
    expect(graver.map(({ name, code, level }) => `${name} ${code} ${level}`)).toEqual([])
  })

  it('name techniques that exist, of both versions of ATT&CK', () => {
    const unknown = listed.flatMap(({ name, techniques, techniques_v19 }) => [
      ...techniques.filter((id) => !known.has(id)).map((id) => `${name} ${id}`),
      ...techniques_v19.filter((id) => !known.has(id) && !RENAMED.has(id)).map((id) => `${name} v19 ${id}`)
    ])
    expect(unknown).toEqual([])
    const wrong = listed.flatMap(({ name, microsoft }) =>
      microsoft.filter((id) => !catalogue.microsoft.has(id)).map((id) => `${name} ${id}`)
    )
    expect(wrong).toEqual([])
  })

  it('leave no technique of either matrix without a rule that a peer covers', () => {
    const bare = [
      ...[...catalogue.attack].filter(([id, { peers }]) => peers !== 'no' && rulesOfTechnique(listed, id).length === 0),
      ...[...catalogue.microsoft].filter(
        ([id, { peers }]) => peers !== 'no' && rulesOfMicrosoft(listed, id).length === 0
      )
    ]
    expect(bare.map(([id, { name }]) => `${id} ${name}`)).toEqual([])
  })
})

describe('a rule that fires', () => {
  it('fires alone, or with rules that one of the two says go with it', () => {
    // What only counts towards correlations tells nobody anything.
    const alerts = result.loaded.filter(({ role }) => role === 'alert')
    const rules = new Map(alerts.map(({ document }) => [document.id, document]))
    const agreed = (a: string, b: string) => {
      const [one, other] = [rules.get(a), rules.get(b)]
      return (
        one === undefined ||
        other === undefined ||
        one.weir.alongside.includes(other.name ?? '') ||
        other.weir.alongside.includes(one.name ?? '')
      )
    }
    const strangers = new Set<string>()
    for (const path of ruleFiles()) {
      const own = result.loaded.filter(({ document }) => document.file === join(RULES, path))
      if (own.length !== 1 || own[0] === undefined) continue
      const { id, name } = own[0].document
      for (const given of ruleTests(path).cases) {
        if (given.expect !== 'match') continue
        for (const { rule } of result.rules.match(eventOf(given))) {
          if (rule.id !== id && !agreed(id, rule.id)) strangers.add(`${name} + ${rules.get(rule.id)?.name}`)
        }
      }
    }
    expect([...strangers].sort()).toEqual([])
  })
})
