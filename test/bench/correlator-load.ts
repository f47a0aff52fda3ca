import { createHash } from 'node:crypto'
import type { Signal } from '../../schemas/generated/types.ts'
import { boundedSignal } from '../../services/core/correlate/bounded-signal.ts'
import type { WindowRule } from '../../services/core/windows/window-rule.ts'
import { loadTexts, ruleText } from '../support/rule-text.ts'
import { CLUSTER, entityOf, signalOf } from '../support/signals.ts'

const PART_RULE = '0c4a1f5e-7d53-4c02-9a37-0d7f0a6b2001'
const digest = (text: string) => createHash('md5').update(text).digest('hex')
const uuid = (text: string) => digest(text).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')

/** One correlation: so many signals of an actor within a timespan. */
export function burstRule(timespan: string, least: number): readonly WindowRule[] {
  const part = ruleText({ a: { verb: 'get' }, condition: 'a' }).replace('\n', `\nid: ${PART_RULE}\nname: read\n`)
  const section = `type: event_count, rules: [read], group-by: [actor.name], timespan: ${timespan}, condition: { gte: ${least} }`
  const { windows, errors } = loadTexts([part, `title: burst\nlevel: high\ncorrelation: { ${section} }\n`])
  if (errors.length > 0) throw new Error(errors.map(({ message }) => message).join('; '))
  return windows
}

/** What a part is grouped by. */
export function actorName(actor: number): string {
  return `team-${actor % 5_000}/account-${actor}`
}

/** A part as the enricher makes it of an audit record: an actor with a token, from an address, to a secret. */
export function partSignal(number: number, actor: number, time: number): Signal {
  const name = actorName(actor)
  const id = digest(`part ${number}`)
  const signal: Signal = {
    ...signalOf({
      id,
      minute: 0,
      source: 'audit',
      title: 'Secret read',
      action: 'secrets:get',
      entities: [
        entityOf('service_account', name, 'actor'),
        entityOf('credential', `JTI=${uuid(name)}`, 'actor'),
        entityOf('source_address', `10.${(actor >> 16) & 255}.${(actor >> 8) & 255}.${actor & 255}`),
        entityOf('secret', `team-${actor % 5_000}/db`, 'target')
      ]
    }),
    time,
    event_id: uuid(`event ${number}`),
    dedup_key: digest(`key ${number}`),
    rule: { id: PART_RULE, code: 'A10', title: 'Secret read', level: 'low' },
    role: 'part',
    correlation_fields: { 'actor.name': [name] }
  }
  return boundedSignal(signal)
}

/** A signal for stitching, of a workload of its own. */
export function lonelySignal(number: number, minute: number): Signal {
  return boundedSignal(
    signalOf({
      id: digest(`lonely ${number}`),
      minute,
      cluster: CLUSTER,
      severity: 'low',
      title: `Shell in a pod of team-${number % 5_000}`,
      entities: [
        entityOf('container', digest(`c${number}`) + digest(`d${number}`), 'actor'),
        { type: 'pod', id: uuid(`pod ${number}`), name: `team-${number % 5_000}/web-${number}`, role: 'actor' },
        entityOf('workload', `${uuid(`w${number}`)}`, 'context', `Deployment/team-${number % 5_000}/web-${number}`),
        entityOf('node', `worker-${number % 100}`)
      ]
    })
  )
}
