import { byCodeUnits } from './text.ts'

/**
 * ATT&CK enterprise tactics in the order of the kill chain. Both spellings of what v19 split out of defense-evasion are listed,
 * since rules written before it keep the old one.
 */
const KILL_CHAIN = [
  'reconnaissance',
  'resource-development',
  'initial-access',
  'execution',
  'persistence',
  'privilege-escalation',
  'defense-evasion',
  'stealth',
  'defense-impairment',
  'credential-access',
  'discovery',
  'lateral-movement',
  'collection',
  'command-and-control',
  'exfiltration',
  'impact'
] as const

const PLACE: ReadonlyMap<string, number> = new Map(KILL_CHAIN.map((tactic, place) => [tactic, place]))

/** Distinct tactics in the order of the kill chain; names ATT&CK does not have come last, by name. */
export function inKillChainOrder(tactics: Iterable<string>): readonly string[] {
  const place = (tactic: string) => PLACE.get(tactic) ?? KILL_CHAIN.length
  return [...new Set(tactics)].sort((a, b) => place(a) - place(b) || byCodeUnits(a, b))
}

/** A tactic as it reads in a sentence: `credential-access` becomes `credential access`. */
export function tacticWords(tactic: string): string {
  return tactic.replaceAll('-', ' ')
}
