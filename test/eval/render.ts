import type { AttackResult, Measures } from './measure.ts'
import { ownersOfSignals } from './measure.ts'
import type { Matching, Stitching } from './pipeline.ts'

/** The measures for people, and what has to hold. */

const percent = (share: number) => `${(share * 100).toFixed(1)} %`

/** What the design asks for, and is not so. */
export function missedMusts({
  precision,
  recall,
  exactly_one,
  across_clusters,
  unseen,
  unusable
}: Measures): readonly string[] {
  return [
    ...(precision >= 0.98 ? [] : [`precision is ${precision.toFixed(4)}, 0.98 is asked for`]),
    ...(recall >= 0.95 ? [] : [`recall is ${recall.toFixed(4)}, 0.95 is asked for`]),
    ...(exactly_one >= 0.95 ? [] : [`${percent(exactly_one)} of attacks are exactly one incident, 95 % are asked for`]),
    ...(across_clusters === 0 ? [] : [`${across_clusters} incidents hold signals of several clusters`]),
    ...(unusable === 0 ? [] : [`${unusable} records or signals could not be used`]),
    ...(unseen.length === 0 ? [] : [`no rule saw anything of ${unseen.join(', ')}`])
  ]
}

function campaignLines(results: readonly AttackResult[]): readonly string[] {
  const lines = ['campaign           attacks  signals  precision   recall  one incident  alone  critical']
  for (const [campaign, own] of Map.groupBy(results, (result) => result.campaign)) {
    const signals = own.reduce((sum, result) => sum + result.signals, 0)
    const weighted = (of: (result: AttackResult) => number) =>
      signals === 0 ? 1 : own.reduce((sum, result) => sum + of(result) * result.signals, 0) / signals
    const one = own.filter(({ incidents }) => incidents.length === 1).length
    const alone = own.reduce((sum, result) => sum + result.alone.length, 0)
    const critical = own.filter((result) => result.critical !== null).length
    lines.push(
      [
        campaign.padEnd(18),
        String(own.length).padStart(7),
        String(signals).padStart(8),
        weighted(({ precision }) => precision)
          .toFixed(4)
          .padStart(10),
        weighted(({ recall }) => recall)
          .toFixed(4)
          .padStart(8),
        `${one}/${own.length}`.padStart(13),
        String(alone).padStart(6),
        String(critical).padStart(9)
      ].join(' ')
    )
  }
  return lines
}

function resultLine({ id, signals, incidents, alone, precision, recall, evasions }: AttackResult): string {
  const parts = incidents.map(({ own, others }) => (others === 0 ? `${own}` : `${own}+${others}`)).join(' ')
  const left =
    alone.length === 0 ? '' : `, alone: ${[...new Set(alone.map(({ rule }) => rule.code ?? rule.title))].join(' ')}`
  const tried = evasions.length === 0 ? '' : ` (${evasions.join(', ')})`
  return `${id}${tried}: ${signals} signals in incidents of ${parts || 'none'}${left}; precision ${precision.toFixed(3)}, recall ${recall.toFixed(3)}`
}

function explained(id: string, matching: Matching, stitching: Stitching): readonly string[] {
  const owners = ownersOfSignals(stitching, matching)
  const home = new Map<string, string>()
  for (const [incident, signals] of stitching.members) for (const signal of signals) home.set(signal, incident)
  const incidents = new Set(
    [...stitching.signals.keys()].filter((signal) => owners.get(signal) === id).map((signal) => home.get(signal))
  )
  return [...stitching.signals.values()]
    .filter((signal) => owners.get(signal.id) === id || (home.has(signal.id) && incidents.has(home.get(signal.id))))
    .sort((a, b) => a.time - b.time)
    .map((signal) => {
      const entities = signal.entities
        .filter(({ type }) => !['image', 'process', 'container'].includes(type))
        .map(({ type, name, role }) => `${type}:${name}${role === 'context' ? '~' : role === 'actor' ? '!' : ''}`)
      const owner = owners.get(signal.id)
      return `${new Date(signal.time / 1000).toISOString().slice(11, 19)} ${(home.get(signal.id) ?? 'none').slice(0, 6).padEnd(6)} ${signal.severity.slice(0, 4)} ${signal.rule.code ?? ''} ${owner === id ? '' : `[${owner}] `}${signal.title} | ${entities.join(' ')}`
    })
}

/** @param explain id of an attack whose signals are to be listed */
export function renderMeasures(measures: Measures, matching: Matching, stitching: Stitching, explain?: string): string {
  const { results } = measures
  const bad = results
    .filter(({ incidents, precision, recall }) => incidents.length !== 1 || precision < 0.98 || recall < 0.95)
    .sort((a, b) => a.recall + a.precision - b.recall - b.precision)
  const seconds = ({ p50, p95 }: { readonly p50: number; readonly p95: number }) =>
    `${p50.toFixed(1)} / ${p95.toFixed(1)}`
  return [
    ...(explain === undefined ? [] : [...explained(explain, matching, stitching), '']),
    ...campaignLines(results),
    '',
    `attacks                          ${measures.attacks}, of which no rule saw anything: ${measures.unseen.length}`,
    `signals                          ${measures.attack_signals} of attacks, ${measures.benign_signals} benign`,
    `B-cubed precision / recall       ${measures.precision.toFixed(4)} / ${measures.recall.toFixed(4)}`,
    `exactly one incident             ${percent(measures.exactly_one)}`,
    `attack signals left alone        ${measures.alone} (${percent(measures.alone / Math.max(1, measures.attack_signals))})`,
    `benign signals pulled in         ${measures.pulled_in} (${percent(measures.pulled_in / Math.max(1, measures.benign_signals))})`,
    `incidents of several attacks     ${measures.mixed}`,
    `incidents of no attack           ${measures.benign_only}`,
    `incidents of several clusters    ${measures.across_clusters}`,
    `critical                         ${measures.critical} of ${measures.could_be_critical} whose signals are enough for it`,
    `to the critical incident         ${seconds(measures.seconds_to_critical)} s of event time (half / 95 %), ${seconds(measures.batches_to_critical)} batches`,
    ...(bad.length === 0
      ? []
      : [
          '',
          `worst of ${bad.length} that are not one clean incident:`,
          ...bad.slice(0, 25).map((result) => `  ${resultLine(result)}`)
        ])
  ].join('\n')
}
