import type { CorrelatorState, Signal } from '../../../schemas/generated/types.ts'
import { note, wholeMinutes } from './agenda.ts'
import { BLOCK_KEY, notePart, type StoredGroup } from './changelog.ts'
import { dropPart, insert, letGo, memoryOf, newRun, schedule, shrink, takePart } from './group-run.ts'
import { type GroupValues, NO_GROUP } from './group-store.ts'
import { noteHeard } from './hearing.ts'
import type { RestoredParts } from './part-store.ts'
import type { Template } from './part-template.ts'
import { completeChanges, type WindowIndex } from './reducer.ts'
import { emptyWindowState, type WindowState } from './state.ts'
import { MAX_ITEMS_PER_PART, type WindowRule } from './window-rule.ts'

/** Builds the state of a cluster's windows out of its changelog as it is read, so that no entry has to be kept. */
export interface WindowsRestorer {
  /** @param entry of kind part or window; the last of each key counts */
  take(entry: CorrelatorState): void
  /** Takes back an entry, by its key within the cluster. */
  forget(key: string): void
  /**
   * What belongs to rules that are no more is forgotten. It goes step by step, since a million parts take seconds.
   * @param closed_before as it was when the last of the entries was written, microseconds since the epoch
   */
  finish(closed_before: number): Generator<undefined, WindowState>
}

/** Goes through all steps in one go. */
export function allSteps<Result>(steps: Generator<undefined, Result>): Result {
  for (let step = steps.next(); ; step = steps.next()) if (step.done === true) return step.value
}

const PART = 'part/'
/** So many parts with entries of their own are packed together. */
const PACKED_TOGETHER = 1_000
/** So many groups are looked at in one step. */
const LOOKED_AT = 4_096

export function createWindowsRestorer(cluster_id: string, index: WindowIndex): WindowsRestorer {
  const state = emptyWindowState(cluster_id)
  const { groups, parts, partAgenda, changes } = state
  const run = newRun(state, index)
  const documents = new Map<string, string>()
  /** By key, in the order of writing. They stay as they are until all has been read, since most of a changelog may be outdated. */
  const blocks = new Map<string, Uint8Array>()
  let unpacked = 0

  function forgetPart(id: string): void {
    const slot = parts.slotOf(id)
    if (slot >= 0) dropPart(run, slot)
  }

  function count(slot: number, rule_id: string): void {
    const fields = parts.fieldsOf(slot)
    for (const use of index.uses.get(rule_id)?.uses ?? []) insert(run, use, slot, fields)
  }

  function takeSingle(signal: Signal): void {
    forgetPart(signal.id)
    if (!index.uses.has(signal.rule.id)) {
      notePart(state, signal.id, null)
      return
    }
    count(takePart(state, signal, memoryOf(index, signal.rule.id), true), signal.rule.id)
    unpacked += 1
    if (unpacked < PACKED_TOGETHER) return
    completeChanges(state, index)
    unpacked = 0
  }

  /** Puts a part into its groups; when these are to be looked at is found out once all are there. */
  function countStored(slot: number, rule_id: string): void {
    for (const { rule, part } of index.uses.get(rule_id)?.uses ?? []) {
      const known = groups.findAs(rule, part, slot)
      if (known === NO_GROUP) continue
      const group = known < 0 ? groups.add() : known
      groups.insert(group, slot, part)
      if (rule.grain_us > 0 && part > 0) noteHeard(state, rule, parts.timeOf(slot))
      if (groups.count(group) > MAX_ITEMS_PER_PART) shrink(run, group, part)
      groups.touch(group)
    }
  }

  function* restoreBlocks(): Generator<undefined> {
    const how: RestoredParts = {
      classOf: (rule_id) => memoryOf(index, rule_id),
      memoryOf: (rule_id) => (index.uses.has(rule_id) ? memoryOf(index, rule_id) : null),
      closed_before: state.closed_before,
      taken(slot, rule_id, minute) {
        note(partAgenda, minute, slot)
        countStored(slot, rule_id)
      }
    }
    const known = new Map<string, Template>()
    for (const [key, bytes] of blocks) {
      parts.restore(Number(key.slice(BLOCK_KEY.length)), bytes, known, how)
      // Each was copied as it was taken in: both need not be in memory for all.
      blocks.delete(key)
      yield
    }
  }

  function restoreGroup(rules: ReadonlyMap<string, WindowRule>, key: string, document: string): void {
    const stored = JSON.parse(document) as StoredGroup
    const cut = stored.group.indexOf('/[')
    const rule = rules.get(stored.group.slice(0, cut))
    const values = JSON.parse(stored.group.slice(cut + 1)) as GroupValues
    const group = rule === undefined ? -1 : groups.findByValues(rule, values)
    if (group < 0) {
      changes.set(key, null)
      return
    }
    groups.settle(group, stored.settled ?? Number.NEGATIVE_INFINITY)
    groups.tell(group, new Map(stored.told.map((told) => [told.id, told])))
  }

  return {
    take({ kind, key, signal, document, packed }) {
      if (kind === 'window' && document !== null) documents.set(key, document)
      if (kind !== 'part') return
      if (signal !== null) takeSingle(signal)
      if (packed === null) return
      // Taken out first, so that it stands behind those that were written before it.
      blocks.delete(key)
      blocks.set(key, packed)
    },

    forget(key) {
      documents.delete(key)
      blocks.delete(key)
      changes.delete(key)
      if (key.startsWith(PART)) forgetPart(key.slice(PART.length))
    },

    *finish(closed_before) {
      state.closed_before = wholeMinutes(closed_before)
      yield* restoreBlocks()
      completeChanges(state, index)
      const rules = new Map(index.rules.map((rule) => [rule.id, rule]))
      let turn = 0
      for (const group of groups.all()) {
        groups.unmark(group)
        // A part may be remembered for one rule and be done with in another.
        letGo(state, group)
        if (groups.count(group) === 0) groups.remove(group)
        else schedule(state, group)
        turn += 1
        if (turn % LOOKED_AT === 0) yield
      }
      for (const [key, document] of documents) restoreGroup(rules, key, document)
      return state
    }
  }
}
