import type { Link } from './link-keys.ts'
import type { CorrelateSettings } from './settings.ts'
import { bySignalTime, type Chain, type ClusterState, noteSignal, type StoredSignal } from './state.ts'

/** First place whose signal does not come before `signal`. */
function placeOf(signals: readonly StoredSignal[], signal: StoredSignal): number {
  let low = 0
  let high = signals.length
  // Nearly all signals come in order, so the end is tried first.
  const last = signals[high - 1]
  if (last === undefined || bySignalTime(last, signal) < 0) return high
  while (low < high) {
    const middle = (low + high) >>> 1
    const found = signals[middle]
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

/** Whether two signals of a chain belong together, when nothing that leads stands between them and one of them leads. */
function isTied(
  chain: Chain,
  earlier: StoredSignal,
  later: StoredSignal,
  link: Link,
  settings: CorrelateSettings
): boolean {
  const window_us = windowOf(link, settings)
  if (later.signal.time - earlier.signal.time > window_us) return false
  return !later.cutKeys.includes(link.key) && !isHub(chain, placeOf(chain.signals, later), window_us, settings)
}

/** What stands on a chain between two that lead, or beyond the last: signals that follow, nearest first. */
function* following(chain: Chain, start: number, step: 1 | -1, link: Link): Generator<StoredSignal> {
  for (let at = start + step; at >= 0 && at < chain.signals.length; at += step) {
    const stored = chain.signals[at]
    if (stored === undefined || linkOn(stored, link.key)?.leads === true) return
    yield stored
  }
}

function linkOn(stored: StoredSignal, key: string): Link | undefined {
  return stored.links.find((link) => link.key === key)
}

/**
 * The signals that a signal belongs to directly. On the chain of each of its keys, these are the nearest that lead, before and
 * after it, where they are near enough; when it leads itself, also those that follow up to there.
 */
export function neighboursOf(state: ClusterState, stored: StoredSignal, settings: CorrelateSettings): StoredSignal[] {
  const found: StoredSignal[] = []
  for (const link of stored.links) {
    const chain = state.chains.get(link.key)
    if (chain === undefined || chain.leaders.length === 0) continue
    const place = placeOf(chain.leaders, stored)
    const previous = chain.leaders[place - 1]
    const next = chain.leaders[link.leads ? place + 1 : place]
    if (previous !== undefined && !link.precedes && isTied(chain, previous, stored, link, settings))
      found.push(previous)
    if (next !== undefined && isTied(chain, stored, next, link, settings)) found.push(next)
    if (!link.leads || chain.leaders.length === chain.signals.length) continue
    const own = placeOf(chain.signals, stored)
    const window_us = windowOf(link, settings)
    for (const before of following(chain, own, -1, link)) {
      if (stored.signal.time - before.signal.time > window_us) break
      if (isTied(chain, before, stored, link, settings)) found.push(before)
    }
    for (const after of following(chain, own, 1, link)) {
      if (after.signal.time - stored.signal.time > window_us) break
      const precedes = linkOn(after, link.key)?.precedes === true
      if (!precedes && isTied(chain, stored, after, link, settings)) found.push(after)
    }
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
      chain = { signals: [], leaders: [], workloads: new Map() }
      state.chains.set(link.key, chain)
    }
    const place = placeOf(chain.signals, stored)
    chain.signals.splice(place, 0, stored)
    if (link.leads) chain.leaders.splice(placeOf(chain.leaders, stored), 0, stored)
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
    const place = placeOf(chain.signals, stored)
    if (chain.signals[place] !== stored) continue
    if (link.leads) chain.leaders.splice(placeOf(chain.leaders, stored), 1)
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
