import { activity } from '../api.ts'

import { inventoryText } from '../inventory.ts'
import type { JsonObject } from '../json.ts'
import { podObject } from '../pod-objects.ts'
import { createProcessTable } from '../processes.ts'
import { createRandom, type Random } from '../random.ts'
import { createRecording, type Recorded } from '../recording.ts'
import { MINUTE_US, offset_us } from '../timeline.ts'
import { playBenign } from './benign.ts'
import type { Attack, Campaign, Evasion } from './campaign.ts'
import { CAMPAIGNS } from './catalogue.ts'
import { playCampaign } from './play.ts'
import { createTown, type Town } from './town.ts'
import type { VictimKind } from './victims.ts'

/** Attacks of all campaigns and benign work, in several clusters, as streams of raw records with their truth. */

export interface GeneratorOptions {
  /** Any text; the same gives the same records. */
  readonly seed: string
  /** Attacks over all clusters. */
  readonly attacks: number
  /** Benign activities over all clusters, some ten records each. */
  readonly benign: number
  readonly clusters: number
  /** Attacks that go on at the same time in one cluster. */
  readonly concurrent: number
  /** Ids of the campaigns to be played; all when left out. */
  readonly campaigns?: readonly string[]
  /** Clocks of nodes differ from the API server's by up to so much, microseconds. */
  readonly skew_us: number
  /** Share of attacks that try an evasion, for each that is possible. */
  readonly evading: number
}

/** What happened in one cluster. */
export interface Town0 {
  readonly id: string
  readonly name: string
  /** A List of all that existed at the start, as JSON text. */
  readonly inventory: string
  /** Pods that came later, as an inventory learns them, and when. */
  readonly appearances: ReadonlyArray<{ readonly time_us: number; readonly pod: JsonObject; readonly uid: string }>
  readonly recorded: readonly Recorded[]
}

export interface AttackTruth {
  readonly id: string
  readonly campaign: string
  readonly cluster: string
  readonly start_us: number
  readonly evasions: readonly Evasion[]
  /** Uids of pods that are the attacker's, or were attacked first. */
  readonly workload: string
}

export interface Generated {
  readonly start_us: number
  readonly clusters: readonly Town0[]
  readonly attacks: readonly AttackTruth[]
}

const START_US = Date.UTC(2026, 10, 17, 6, 30) * 1000
const POOLS = [
  { host: 'pool.supportxmr.com', ip: '104.243.33.118', port: 3333 },
  { host: 'xmr.2miners.com', ip: '162.19.139.184', port: 2222 },
  { host: 'pool.hashvault.pro', ip: '95.179.241.203', port: 3333 }
] as const

function publicAddress(random: Random): string {
  return `${random.pick([45, 91, 103, 141, 185, 193])}.${random.integer(2, 250)}.${random.integer(2, 250)}.${random.integer(2, 250)}`
}

/** Attacks of a campaign follow each other by number of place. */
function nthOf(id: string): string {
  const [, place = '1'] = id.split('-')
  return Number(place) <= CAMPAIGNS.length ? '' : `-${Number(place)}`
}

interface Planned {
  readonly campaign: Campaign
  readonly id: string
  readonly start_us: number
  readonly pace: number
  readonly evasions: readonly Evasion[]
}

const DELIVERY: readonly Evasion[] = ['audit-late', 'container-gone', 'agent-late']

/** Lanes of attacks: in each, one comes after the other. */
function plan(options: GeneratorOptions, cluster: number, count: number, random: Random): readonly Planned[] {
  const chosen = CAMPAIGNS.filter(({ id }) => options.campaigns?.includes(id) ?? true)
  if (chosen.length === 0) throw new RangeError(`none of the campaigns is called ${options.campaigns?.join(', ')}`)
  const lanes = Array.from({ length: options.concurrent }, () => START_US + random.integer(2, 20) * MINUTE_US)
  const evades = () => random.next() < options.evading
  return Array.from({ length: count }, (_, place) => {
    const lane = place % lanes.length
    // In turn, so that few attacks have as many campaigns as possible.
    const campaign = chosen[(place + cluster) % chosen.length] as Campaign
    const pace = 0.4 + random.next() * 2.2
    const evasions = [...campaign.evasions, ...DELIVERY].filter(evades)
    const start_us = lanes[lane] ?? START_US
    const id = `${String(cluster + 1)}-${String(place + 1).padStart(3, '0')}-${campaign.id}`
    const probe = attackOf(
      id,
      evasions,
      random.fork(id),
      { namespace: 'x', name: 'x', account: 'x' },
      { namespace: 'x', name: 'x' }
    )
    const length_us = campaign.rows(probe).reduce((most, [at]) => Math.max(most, offset_us(at)), 0) * pace
    lanes[lane] = start_us + Math.round(length_us) + random.integer(2, 25) * MINUTE_US
    return { campaign, id, start_us, pace, evasions }
  })
}

function attackOf(
  id: string,
  evasions: readonly Evasion[],
  random: Random,
  victim: { readonly namespace: string; readonly name: string; readonly account: string },
  other: { readonly namespace: string; readonly name: string }
): Attack {
  const draw = random.fork('addresses')
  return {
    id,
    random,
    namespace: victim.namespace,
    workload: victim.name,
    serviceAccount: victim.account,
    attacker: publicAddress(draw),
    server: publicAddress(draw),
    drop: publicAddress(draw),
    pool: draw.pick(POOLS),
    wallet: `4${draw.hex(60)}`,
    nth: nthOf(id),
    other: { namespace: other.namespace, workload: other.name },
    evades: (evasion) => evasions.includes(evasion)
  }
}

function victimsNeeded(planned: readonly Planned[]): Partial<Record<VictimKind, number>> {
  const needed: Partial<Record<VictimKind, number>> = { go: planned.length }
  for (const { campaign } of planned) needed[campaign.victim] = (needed[campaign.victim] ?? 0) + 1
  return needed
}

function appearancesOf(town: Town): Town0['appearances'] {
  return town.cluster.pods
    .filter(({ created_us }) => created_us > town.cluster.start_us)
    .map((pod) => {
      const time_us = pod.created_us + 2_500_000
      return { time_us, uid: pod.uid, pod: podObject(town.cluster, pod, 'running', time_us) }
    })
}

function generateCluster(
  options: GeneratorOptions,
  place: number,
  count: number,
  benign: number,
  truths: AttackTruth[]
): Town0 {
  const random = createRandom(`${options.seed}/cluster/${place}`)
  const planned = plan(options, place, count, random.fork('plan'))
  const name = `prod-${place + 1}`
  const town = createTown(name, START_US, random, {
    victims: victimsNeeded(planned),
    quiet: 30 + Math.round(Math.sqrt(benign)),
    skew_us: options.skew_us
  })
  const { cluster } = town
  const recording = createRecording()
  const world = { cluster, processes: createProcessTable(cluster, random), random, recorder: recording.recorder }
  const id = random.fork('kube-system').uuid()
  let last_us = START_US + 30 * MINUTE_US

  // Attacks and benign work take turns by time, since what one creates the other finds.
  const happenings: { readonly at_us: number; readonly play: () => void }[] = planned.map((one) => {
    const victim = town.victims[one.campaign.victim].shift()
    const other = town.victims.go.shift()
    if (victim === undefined || other === undefined) throw new RangeError(`no victim is left for ${one.id}`)
    const own = { namespace: victim.namespace, name: victim.name, account: victim.template.serviceAccount }
    const attack = attackOf(one.id, one.evasions, random.fork(one.id), own, other)
    truths.push({
      id: one.id,
      campaign: one.campaign.id,
      cluster: id,
      start_us: one.start_us,
      evasions: one.evasions,
      workload: `${victim.namespace}/${victim.name}`
    })
    last_us = Math.max(last_us, one.start_us + 20 * MINUTE_US)
    return {
      at_us: one.start_us,
      play: () => playCampaign(world, town, one.campaign, attack, victim, one.start_us, one.pace)
    }
  })
  const when = random.fork('benign-times')
  for (let turn = 0; turn < benign; turn += 1) {
    const at_us = START_US + Math.round(when.next() * (last_us - START_US))
    const own = activity(world, { kind: 'benign', activity: `${turn}` }, `turn/${turn}`)
    happenings.push({ at_us, play: () => playBenign(own, town, turn, at_us) })
  }
  const inventory = inventoryText(cluster)
  for (const { play } of happenings.sort((a, b) => a.at_us - b.at_us)) play()
  return { id, name, inventory, appearances: appearancesOf(town), recorded: recording.records() }
}

/** The whole of it. Records are in order of time within their cluster; `deliver` makes the stream that arrives. */
export function generateScenario(options: GeneratorOptions): Generated {
  const attacks: AttackTruth[] = []
  const share = (total: number, place: number) =>
    Math.floor((total * (place + 1)) / options.clusters) - Math.floor((total * place) / options.clusters)
  const clusters = Array.from({ length: options.clusters }, (_, place) =>
    generateCluster(options, place, share(options.attacks, place), share(options.benign, place), attacks)
  )
  return { start_us: START_US, clusters, attacks }
}
