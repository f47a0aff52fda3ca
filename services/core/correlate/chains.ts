import type { Link } from './link-keys.ts'
import type { CorrelateSettings } from './settings.ts'
import { bySignalTime, type Chain, type ClusterState, noteSignal, type StoredSignal } from './state.ts'

/** First place whose signal does not come before `signal`. */
function placeOf(chain: Chain, signal: StoredSignal): number {
  let low = 0
  let high = chain.signals.length
  // Nearly all signals come in order, so the end is tried first.
  const last = chain.signals[high - 1]
  if (last === undefined || bySignalTime(last, signal) < 0) return high
  while (low < high) {
    const middle = (low + high) >>> 1
    const found = chain.signals[middle]
    if (found !== undefined && bySignalTime(found, signal) < 0) low = middle + 1
    else high = middle
  }
  return low
}

function windowOf(link: Link, settings: CorrelateSettings): number {
  return settings.link_windows_ms[link.kind] * 1000
}

/** Most chains are short or of few workloads; then nothing has to be counted. */
function canBeHub(chain: Chain, settings: CorrelateSettings): boolean {
  return chain.signals.length > settings.hub_signals && chain.workloads.size > settings.hub_workloads
}

/**
 * Whether the key was already a hub when the signal at `place` came: more signals of more workloads than allowed, this one
 * included, within the link window before it.
 */
function isHub(chain: Chain, place: number, window_us: number, settings: CorrelateSettings): boolean {
  const end = chain.signals[place]
  if (end === undefined || !canBeHub(chain, settings)) return false
  const workloads: string[] = []
  for (let at = place; at >= 0; at -= 1) {
    const stored = chain.signals[at]
    if (stored === undefined || end.signal.time - stored.signal.time > window_us) return false
    if (stored.workload !== '' && workloads.length <= settings.hub_workloads && !workloads.includes(stored.workload)) {
      workloads.push(stored.workload)
    }
    if (place - at + 1 > settings.hub_signals && workloads.length > settings.hub_workloads) return true
  }
  return false
}

/** Whether the signal at `place` belongs to the one before it on the chain. */
function joinsPrevious(chain: Chain, place: number, link: Link, settings: CorrelateSettings): boolean {
  const previous = chain.signals[place - 1]
  const stored = chain.signals[place]
  if (previous === undefined || stored === undefined) return false
  const window_us = windowOf(link, settings)
  if (stored.signal.time - previous.signal.time > window_us) return false
  return !stored.cutKeys.includes(link.key) && !isHub(chain, place, window_us, settings)
}

/** The signals that a signal belongs to directly: its neighbours on the chain of each of its keys, where they are near enough. */
export function neighboursOf(state: ClusterState, stored: StoredSignal, settings: CorrelateSettings): StoredSignal[] {
  const found: StoredSignal[] = []
  for (const link of stored.links) {
    const chain = state.chains.get(link.key)
    if (chain === undefined) continue
    const place = placeOf(chain, stored)
    const previous = chain.signals[place - 1]
    const next = chain.signals[place + 1]
    if (previous !== undefined && joinsPrevious(chain, place, link, settings)) found.push(previous)
    if (next !== undefined && joinsPrevious(chain, place + 1, link, settings)) found.push(next)
  }
  return found
}

/** Later signals on the chain, within the link window after `place`. */
function* followers(chain: Chain, place: number, window_us: number): Generator<readonly [StoredSignal, number]> {
  const start = chain.signals[place]
  for (let at = place + 1; start !== undefined && at < chain.signals.length; at += 1) {
    const stored = chain.signals[at]
    if (stored === undefined || stored.signal.time - start.signal.time > window_us) return
    yield [stored, at]
  }
}

/**
 * Puts a signal on the chains of its keys.
 * @returns later signals whose ties may have come loose, because with this one a key turns out to be a hub
 */
export function attach(state: ClusterState, stored: StoredSignal, settings: CorrelateSettings): StoredSignal[] {
  const loosened: StoredSignal[] = []
  for (const link of stored.links) {
    let chain = state.chains.get(link.key)
    if (chain === undefined) {
      chain = { signals: [], workloads: new Map() }
      state.chains.set(link.key, chain)
    }
    const place = placeOf(chain, stored)
    chain.signals.splice(place, 0, stored)
    if (stored.workload !== '') chain.workloads.set(stored.workload, (chain.workloads.get(stored.workload) ?? 0) + 1)
    if (!canBeHub(chain, settings)) continue
    for (const [follower] of followers(chain, place, windowOf(link, settings))) loosened.push(follower)
  }
  return loosened
}

/**
 * Takes a signal off the chains of its keys. Later signals that stay apart only because this one helps to show that a key is a
 * hub are marked, so that forgetting it does not tie them together.
 */
export function detach(state: ClusterState, stored: StoredSignal, settings: CorrelateSettings): void {
  for (const link of stored.links) {
    const chain = state.chains.get(link.key)
    if (chain === undefined) continue
    const place = placeOf(chain, stored)
    if (chain.signals[place] !== stored) continue
    const window_us = windowOf(link, settings)
    for (const [follower, at] of canBeHub(chain, settings) ? followers(chain, place, window_us) : []) {
      if (follower.cutKeys.includes(link.key) || !isHub(chain, at, window_us, settings)) continue
      follower.cutKeys = [...follower.cutKeys, link.key].sort()
      noteSignal(state, follower)
    }
    chain.signals.splice(place, 1)
    const left = (chain.workloads.get(stored.workload) ?? 0) - 1
    if (left > 0) chain.workloads.set(stored.workload, left)
    else chain.workloads.delete(stored.workload)
    if (chain.signals.length === 0) state.chains.delete(link.key)
  }
}
