import { Command, InvalidArgumentError } from 'commander'
import { formatRuleError } from '../../core/detect/errors.ts'
import { type EventView, viewOf } from '../../core/detect/event-view.ts'
import { loadRuleSet } from '../../core/detect/load-rule-set.ts'
import { type Plan, planByDecision } from '../../core/detect/plan.ts'
import { viewOfRaw } from '../../core/detect/raw-event.ts'
import { enrich } from '../../core/enrich/join.ts'
import { type ErrorList, WeirError } from '../../core/errors.ts'
import { decodeRecords } from '../../core/events/format.ts'
import { openInput, readRecords } from '../hunt/read-records.ts'
import { readFolders } from '../rules.ts'
import { print } from '../terminal.ts'

export const RULES_BENCH_ERRORS = {
  RULES_BENCH_EMPTY: {
    description: 'There is nothing to measure: no rule loads, or the file holds no event.',
    retriable: false
  }
} as const satisfies ErrorList<string>

interface Options {
  readonly rules: readonly string[]
  readonly events: string
  readonly raw?: boolean
  readonly limit?: number
  readonly passes: number
  readonly json?: boolean
}

/** Events are read and evaluated in parts, so that memory does not grow with the file. */
const PART = 10_000

/** What an event is evaluated through. */
type ViewsOf = (json: unknown) => readonly EventView[]

const DEFAULTS = { cluster: { id: 'bench', name: 'bench' }, instance: 'bench', received: 0 }

const rawViews: ViewsOf = (json) => (Array.isArray(json) ? json.map(viewOfRaw) : [viewOfRaw(json)])

const modelViews: ViewsOf = (json) =>
  decodeRecords(json, DEFAULTS).events.map((event) => viewOf(enrich(event, () => null)))

async function readTexts({ events: file, limit }: Options): Promise<readonly string[]> {
  const texts: string[] = []
  for await (const record of readRecords(await openInput(file), () => {})) {
    if ('rejected' in record) {
      console.error(`${file}:${record.line}: left out: ${record.rejected.reason}`)
      continue
    }
    texts.push(JSON.stringify(record.json))
    if (texts.length === limit) break
  }
  return texts
}

/** Evaluates every text once. Only the evaluation is timed; each pass parses the texts again, so that it meets fresh strings. */
function pass(
  texts: readonly string[],
  viewsOf: ViewsOf,
  work: (view: EventView) => number
): { readonly events: number; readonly count: number; readonly cpu_us: number } {
  let events = 0
  let count = 0
  let cpu_us = 0
  for (let from = 0; from < texts.length; from += PART) {
    const views = texts.slice(from, from + PART).flatMap((text) => viewsOf(JSON.parse(text)))
    const before = process.cpuUsage()
    for (const view of views) count += work(view)
    const { user, system } = process.cpuUsage(before)
    cpu_us += user + system
    events += views.length
  }
  return { events, count, cpu_us }
}

const wholeNumber = (text: string): number => {
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < 1) throw new InvalidArgumentError('has to be a whole number above 0')
  return number
}

export function rulesBenchCommand(): Command {
  return new Command('bench')
    .summary('measure how fast rules are evaluated')
    .description(
      `Loads a folder of Sigma rules and evaluates them on every event of a file, several times, on one core. Given is the least CPU time of a
pass, user and system. Reading rules and parsing events are not in it; looking up fields is. Rules that do not load are named on
standard error and left out.`
    )
    .requiredOption('--rules <folder...>', 'folders of rules')
    .requiredOption('--events <file>', 'events, one JSON object a line; .gz is unpacked, - is standard input')
    .option('--raw', 'look fields up in the JSON as they are, and ignore log sources')
    .option('--limit <n>', 'use the first n records only', wholeNumber)
    .option('--passes <n>', 'how often to evaluate all', wholeNumber, 7)
    .option('--json', 'print one JSON object')
    .action(async (options: Options) => {
      const raw = options.raw === true
      const plans: Plan[] = []
      const { matching, loaded, errors } = loadRuleSet(await readFolders(options.rules), {
        raw,
        plan: (rules) => {
          const plan = planByDecision(rules)
          plans.push(plan)
          return plan
        }
      })
      for (const error of errors) console.error(formatRuleError(error))
      const texts = await readTexts(options)
      if (loaded.length === 0 || texts.length === 0) {
        const what =
          loaded.length === 0 ? `no rule of ${options.rules.join(', ')} loads` : `${options.events} holds no event`
        throw new WeirError(RULES_BENCH_ERRORS, 'RULES_BENCH_EMPTY', what)
      }
      const viewsOf: ViewsOf = raw ? rawViews : modelViews
      const [plan] = plans
      const candidates = pass(texts, viewsOf, (view) => plan?.candidates(view).length ?? 0)
      let best = pass(texts, viewsOf, (view) => matching(view).length)
      for (let done = 1; done < options.passes; done += 1) {
        const next = pass(texts, viewsOf, (view) => matching(view).length)
        if (next.cpu_us < best.cpu_us) best = next
      }
      const { events, count: matches } = best
      if (events === 0)
        throw new WeirError(
          RULES_BENCH_ERRORS,
          'RULES_BENCH_EMPTY',
          `${options.events} holds no event that Weir reads; --raw takes any JSON`
        )
      const cpu_s = best.cpu_us / 1e6
      const result = {
        engine: 'weir',
        events,
        matches,
        cpu_s,
        events_per_cpu_s: Math.round(events / Math.max(cpu_s, 1e-6)),
        candidates_per_event: Number((candidates.count / events).toFixed(3))
      }
      await print(
        options.json === true
          ? `${JSON.stringify(result)}\n`
          : `${loaded.length} rules on ${events} events: ${matches} matches, ${result.cpu_s} s of CPU, ${result.events_per_cpu_s} events a CPU second, ${result.candidates_per_event} candidates an event\n`
      )
    })
}
