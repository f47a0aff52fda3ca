/**
 * npm run eval:stitch: attacks of all campaigns amid benign work, through the pipeline, and how well they were told apart.
 */
import { parseArgs } from 'node:util'
import { loadRules } from '../../services/cli/rules.ts'
import { deliver, USUAL_DELIVERY } from '../support/scenario/campaigns/deliver.ts'
import { generateScenario } from '../support/scenario/campaigns/generate.ts'
import { measure } from './measure.ts'
import { matchAll, stitchAll } from './pipeline.ts'
import { missedMusts, renderMeasures } from './render.ts'

const HELP = `Plays attacks of all campaigns at once, amid benign work, and measures how well their signals become incidents.

  npm run eval:stitch -- [--seed S] [--attacks N] [--benign M] [--clusters C] [--concurrent K] [--campaign ID]… [--json]

  --seed S         any text; the same gives the same records (default: 1)
  --attacks N      attacks over all clusters (default: 200)
  --benign M       benign activities over all clusters, some ten records each (default: 2000)
  --clusters C     clusters (default: 2)
  --concurrent K   attacks at the same time in one cluster (default: 10)
  --campaign ID    only this campaign; may be given again
  --evading P      share of attacks that try an evasion, for each that is possible (default: 0.25)
  --lateness S     seconds every record may come late (default: 20)
  --duplicates P   share of records that come twice (default: 0.03)
  --skew MS        milliseconds that clocks of nodes differ (default: 200)
  --explain ID     prints the signals of an attack, by incident
  --json           prints the measures as JSON

Examples:
  npm run eval:stitch
  npm run eval:stitch -- --attacks 20 --benign 200 --seed monday
  npm run eval:stitch -- --campaign hildegard --attacks 10 --explain 1-003-hildegard

Exit codes: 0 all musts are met; 3 one is missed; 1 it could not be run.`

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    attacks: { type: 'string', default: '200' },
    benign: { type: 'string', default: '2000' },
    clusters: { type: 'string', default: '2' },
    concurrent: { type: 'string', default: '10' },
    campaign: { type: 'string', multiple: true, default: [] },
    evading: { type: 'string', default: '0.25' },
    lateness: { type: 'string', default: '20' },
    duplicates: { type: 'string', default: '0.03' },
    skew: { type: 'string', default: '200' },
    explain: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false }
  }
})

function number(name: string, text: string, least: number): number {
  const value = Number(text)
  if (!Number.isFinite(value) || value < least)
    throw new RangeError(`--${name} ${text} is not a number from ${least} on`)
  return value
}

async function main(): Promise<number> {
  if (values.help) {
    console.log(HELP)
    return 0
  }
  const began_ms = performance.now()
  const say = (text: string) =>
    console.error(`${((performance.now() - began_ms) / 1000).toFixed(1).padStart(6)} s  ${text}`)
  const { seed } = values
  const loaded = await loadRules({ folders: [], builtin: true }, (message) => console.error(message))
  const generated = generateScenario({
    seed,
    attacks: number('attacks', values.attacks, 1),
    benign: number('benign', values.benign, 0),
    clusters: number('clusters', values.clusters, 1),
    concurrent: number('concurrent', values.concurrent, 1),
    evading: number('evading', values.evading, 0),
    skew_us: number('skew', values.skew, 0) * 1000,
    ...(values.campaign.length === 0 ? {} : { campaigns: values.campaign })
  })
  const delivered = deliver(generated, {
    ...USUAL_DELIVERY,
    seed,
    lateness_us: number('lateness', values.lateness, 0) * 1e6,
    duplicates: number('duplicates', values.duplicates, 0)
  })
  say(
    `${generated.attacks.length} attacks and ${delivered.arrivals.length} records in ${generated.clusters.length} clusters are made`
  )
  const matching = matchAll(generated, delivered, loaded, (done, of) => {
    if (done % 20_000 === 0 && done > 0) say(`${done} of ${of} records matched`)
  })
  say(`${matching.matched.length} records told of something, ${matching.rejected.length} could not be used`)
  const stitching = stitchAll(matching.matched, loaded)
  say(`${stitching.signals.size} signals in ${stitching.batches} batches are stitched`)
  const measures = measure(generated.attacks, matching, stitching)
  if (values.json) {
    const results = measures.results.map(({ alone, ...rest }) => ({
      ...rest,
      alone: alone.map(({ rule }) => rule.code)
    }))
    console.log(JSON.stringify({ ...measures, results }))
  } else console.log(renderMeasures(measures, matching, stitching, values.explain))
  const missed = missedMusts(measures)
  for (const must of missed) console.error(`missed: ${must}`)
  return missed.length === 0 ? 0 : 3
}

try {
  process.exitCode = await main()
} catch (error) {
  console.error(`eval:stitch: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}
