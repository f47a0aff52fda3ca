/**
 * ATT&CK's spelling of a tactic, made from its kebab-case name: `command-and-control` is `Command and Control`. Made rather
 * than looked up, since ATT&CK renames and adds tactics.
 */
export function tacticName(kebab: string): string {
  return kebab
    .split('-')
    .map((word) => (word === 'and' ? word : word.slice(0, 1).toUpperCase() + word.slice(1)))
    .join(' ')
}

/** Splits technique ids: `T1552.007` is technique T1552, sub-technique T1552.007. */
export function splitTechnique(id: string): { readonly technique: string; readonly subTechnique: string | null } {
  const dot = id.indexOf('.')
  return dot === -1 ? { technique: id, subTechnique: null } : { technique: id.slice(0, dot), subTechnique: id }
}
