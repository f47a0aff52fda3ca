import type { Entity, Signal } from '../../../schemas/generated/types.ts'
import { packText, unpackText } from './packed-text.ts'
import { createSlotIndex, grown, hashText } from './slot-index.ts'

/**
 * Signals that count towards open windows, each in a slot. The youngest are kept as they are. Of the others, what windows need is one
 * packed text, some 200 bytes instead of the 2 KB of an object: what signals of a rule share is kept once, titles, evidence and
 * deduplication keys are left out; the changelog has them.
 */
export interface PartStore {
  readonly size: number
  /** @returns -1 when there is none with this id */
  slotOf(id: string): number
  /** @param signal whose id is not in the store */
  add(signal: Signal): number
  /** The slot may be used again. */
  remove(slot: number): void
  has(slot: number): boolean
  idOf(slot: number): string
  /** Microseconds since the epoch. */
  timeOf(slot: number): number
  ruleOf(slot: number): string
  fieldsOf(slot: number): Signal['correlation_fields']
  /** The signal; title, evidence and deduplication key may be missing. */
  signalOf(slot: number): Signal
}

/** Most windows are over before they hold so many signals; then nothing is ever packed. */
const MOST_YOUNG = 10_000

type Shape = readonly (readonly [Entity['type'], Entity['role']])[]

/** What many signals share. */
interface Template {
  readonly common: Omit<
    Signal,
    'id' | 'time' | 'event_id' | 'entities' | 'ancestry' | 'correlation_fields' | 'title' | 'evidence' | 'dedup_key'
  >
  readonly fields: readonly string[]
  readonly entities: Shape
  readonly ancestry: Shape
}

/** Id, and the name where it is another. */
type PackedEntity = string | readonly [string, string]
/** A value is the number of an entity where it is the entity's id. */
type PackedValue = string | number
type Packed = readonly [
  string,
  string,
  readonly (readonly PackedValue[])[],
  readonly PackedEntity[],
  readonly PackedEntity[]
]

const shapeOf = (entities: readonly Entity[]): Shape => entities.map(({ type, role }) => [type, role])
const packedEntity = ({ id, name }: Entity): PackedEntity => (id === name ? id : [id, name])

function entitiesOf(shape: Shape, packed: readonly PackedEntity[]): readonly Entity[] {
  return shape.map(([type, role], place) => {
    const one = packed[place] ?? ''
    const [id, name] = typeof one === 'string' ? [one, one] : one
    return { type, id, name, role }
  })
}

function templateOf(signal: Signal): Template {
  const { cluster, source, rule, severity, action, outcome, tactics, techniques, playbook } = signal
  return {
    common: {
      ...{ cluster, source, rule, severity, action, outcome, tactics, techniques, playbook },
      ...{
        investigation: [],
        role: signal.role,
        sources: signal.sources,
        parts: [],
        count: signal.count,
        verdict: null
      }
    },
    fields: Object.keys(signal.correlation_fields),
    entities: shapeOf(signal.entities),
    ancestry: shapeOf(signal.ancestry)
  }
}

const sameTexts = (some: readonly string[], others: readonly string[]) =>
  some.length === others.length && some.every((text, place) => text === others[place])

const sameShape = (shape: Shape, entities: readonly Entity[]) =>
  shape.length === entities.length &&
  shape.every(([type, role], place) => entities[place]?.type === type && entities[place]?.role === role)

/** Whether a signal is told by the template and what is packed of it. */
function fits({ common, fields, entities, ancestry }: Template, signal: Signal): boolean {
  const { rule, cluster } = signal
  return (
    common.action === signal.action &&
    common.outcome === signal.outcome &&
    common.severity === signal.severity &&
    common.source === signal.source &&
    common.role === signal.role &&
    common.count === signal.count &&
    common.playbook === signal.playbook &&
    common.cluster.id === cluster.id &&
    common.cluster.name === cluster.name &&
    common.rule.code === rule.code &&
    common.rule.title === rule.title &&
    common.rule.level === rule.level &&
    sameShape(entities, signal.entities) &&
    sameShape(ancestry, signal.ancestry) &&
    sameTexts(fields, Object.keys(signal.correlation_fields)) &&
    sameTexts(common.tactics, signal.tactics) &&
    sameTexts(common.techniques, signal.techniques) &&
    sameTexts(common.sources, signal.sources)
  )
}

/** Templates tried before a signal gets one of its own: of most rules there are a few. */
const TRIED = 8

/** Templates with how many signals use them. */
function createTemplates() {
  /** Numbers by rule, the latest last. */
  const ofRule = new Map<string, number[]>()
  const templates: ({ readonly template: Template; uses: number } | undefined)[] = []
  const free: number[] = []
  return {
    get: (number: number): Template => {
      const found = templates[number]
      if (found === undefined) throw new RangeError(`there is no template ${number}`)
      return found.template
    },
    use(signal: Signal): number {
      const known = ofRule.get(signal.rule.id) ?? []
      for (const number of known.slice(-TRIED)) {
        const entry = templates[number]
        if (entry === undefined || !fits(entry.template, signal)) continue
        entry.uses += 1
        return number
      }
      const number = free.pop() ?? templates.length
      templates[number] = { template: templateOf(signal), uses: 1 }
      known.push(number)
      ofRule.set(signal.rule.id, known)
      return number
    },
    release(number: number): void {
      const entry = templates[number]
      if (entry === undefined) return
      entry.uses -= 1
      if (entry.uses > 0) return
      const { id } = entry.template.common.rule
      const left = (ofRule.get(id) ?? []).filter((other) => other !== number)
      if (left.length > 0) ofRule.set(id, left)
      else ofRule.delete(id)
      templates[number] = undefined
      free.push(number)
    }
  }
}

/** How packed text of a signal with this id begins. */
const headOf = (id: string) => packText(`[${JSON.stringify(id)},`)

function pack(signal: Signal): string {
  const { id, event_id, entities, ancestry, correlation_fields } = signal
  const numberOf = (text: string) => {
    const place = entities.findIndex((entity) => entity.id === text)
    return place < 0 ? text : place
  }
  const values = Object.values(correlation_fields).map((texts) => texts.map(numberOf))
  const packed: Packed = [id, event_id, values, entities.map(packedEntity), ancestry.map(packedEntity)]
  return packText(JSON.stringify(packed))
}

/** @param most_young signals kept as they are */
export function createPartStore(most_young = MOST_YOUNG): PartStore {
  const index = createSlotIndex()
  const templates = createTemplates()
  /** Young as they are, old packed. */
  const contents: (Signal | string | undefined)[] = []
  const free: number[] = []
  /** Slots in the order in which they were filled; those before `packed` are packed, or were given up. */
  let young: number[] = []
  let packed = 0
  let times = new Float64Array(0)
  let templateOfSlot = new Int32Array(0)
  let size = 0

  function contentOf(slot: number): Signal | string {
    const content = contents[slot]
    if (content === undefined) throw new RangeError(`there is no part in slot ${slot}`)
    return content
  }
  const unpack = (text: string) => JSON.parse(unpackText(text)) as Packed
  const template = (slot: number) => templates.get(templateOfSlot[slot] ?? -1)

  function find(id: string): number {
    let head: string | null = null
    return index.find(hashText(id, 0), (slot) => {
      const content = contentOf(slot)
      if (typeof content !== 'string') return content.id === id
      head ??= headOf(id)
      return content.startsWith(head)
    })
  }

  function packOldest(): void {
    while (young.length - packed > most_young) {
      const slot = young[packed] ?? -1
      packed += 1
      const content = contents[slot]
      // A slot that was used again stands in the queue twice, and may be packed a little early.
      if (content === undefined || typeof content === 'string') continue
      contents[slot] = pack(content)
      templateOfSlot = grown(templateOfSlot, contents.length, (length) => new Int32Array(length))
      templateOfSlot[slot] = templates.use(content)
    }
    if (packed < young.length / 2) return
    young = young.slice(packed)
    packed = 0
  }

  function fields(slot: number, [, , values, entities]: Packed): Signal['correlation_fields'] {
    const idOf = (place: number) => {
      const entity = entities[place] ?? ''
      return typeof entity === 'string' ? entity : entity[0]
    }
    return Object.fromEntries(
      template(slot).fields.map((name, place) => [
        name,
        (values[place] ?? []).map((value) => (typeof value === 'number' ? idOf(value) : value))
      ])
    )
  }

  function idOf(slot: number): string {
    const content = contentOf(slot)
    return typeof content === 'string' ? unpack(content)[0] : content.id
  }

  return {
    get size() {
      return size
    },
    slotOf: find,

    add(signal) {
      const slot = free.pop() ?? contents.length
      times = grown(times, slot + 1, (length) => new Float64Array(length))
      contents[slot] = signal
      times[slot] = signal.time
      index.add(hashText(signal.id, 0), slot)
      size += 1
      young.push(slot)
      if (young.length - packed > most_young) packOldest()
      return slot
    },

    remove(slot) {
      index.remove(hashText(idOf(slot), 0), slot)
      if (typeof contentOf(slot) === 'string') templates.release(templateOfSlot[slot] ?? -1)
      contents[slot] = undefined
      free.push(slot)
      size -= 1
    },

    has: (slot) => contents[slot] !== undefined,
    idOf,
    timeOf: (slot) => times[slot] ?? 0,

    ruleOf(slot) {
      const content = contentOf(slot)
      return typeof content === 'string' ? template(slot).common.rule.id : content.rule.id
    },

    fieldsOf(slot) {
      const content = contentOf(slot)
      return typeof content === 'string' ? fields(slot, unpack(content)) : content.correlation_fields
    },

    signalOf(slot) {
      const content = contentOf(slot)
      if (typeof content !== 'string') return content
      const unpacked = unpack(content)
      const [id, event_id, , entities, ancestry] = unpacked
      const { common, entities: shape, ancestry: ancestors } = template(slot)
      return {
        ...common,
        ...{ id, event_id, time: times[slot] ?? 0, title: common.rule.title, dedup_key: '', evidence: {} },
        entities: entitiesOf(shape, entities),
        ancestry: entitiesOf(ancestors, ancestry),
        correlation_fields: fields(slot, unpacked)
      }
    }
  }
}
