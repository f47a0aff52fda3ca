import type { Severity } from '../../../schemas/generated/types.ts'
import type { Problems } from '../detect/errors.ts'
import type { Profile } from '../detect/profile-document.ts'
import type { Library } from '../detect/rule-library.ts'
import { attackOf, type ProfileDocument } from '../detect/sigma-document.ts'
import { nearest } from '../detect/suggest.ts'
import type { CarriedField } from '../windows/link-correlations.ts'

/** A profile whose references are resolved. */
export interface ProfileRule {
  readonly id: string
  readonly document: ProfileDocument
  readonly profile: Profile
  /** Ids of the rules whose events feed it. */
  readonly parts: readonly string[]
  readonly level: Severity
  readonly tactics: readonly string[]
  readonly techniques: readonly string[]
}

export interface LinkedProfiles {
  readonly profiles: readonly ProfileRule[]
  readonly carried: ReadonlyMap<string, readonly CarriedField[]>
  /** Ids of the rules that feed profiles: those that are informational only do that. */
  readonly parts: ReadonlySet<string>
}

/** Resolves the rules that profiles refer to, and which fields their signals have to carry; what is wrong is reported. */
export function linkProfiles(library: Library): LinkedProfiles {
  const targets = new Map<string, string>()
  for (const { document } of library.rules) {
    targets.set(document.id, document.id)
    if (document.name !== null) targets.set(document.name, document.id)
  }
  const carried = new Map<string, CarriedField[]>()
  const parts = new Set<string>()
  const profiles: ProfileRule[] = []
  const carry = (id: string, name: string, correlation: string, at: number, problems: Problems) =>
    carried.set(id, [...(carried.get(id) ?? []), { name, correlation, at, problems }])
  for (const { document, problems } of library.profiles) {
    const { profile } = document
    const ids: string[] = []
    for (const { text, at } of profile.rules) {
      const id = targets.get(text)
      if (id === undefined) {
        problems.report(at, 'RULE_REFERENCE', `there is no rule ${text}`, nearest(text, targets.keys()))
        continue
      }
      ids.push(id)
      // The rules of a profile's own file feed it and nothing else.
      if (library.rules.some((rule) => rule.document.id === id && rule.document.file === document.file)) parts.add(id)
      for (const name of [...profile.of, ...profile.scopes.flatMap(({ fields }) => fields)])
        carry(id, name, document.id, at, problems)
    }
    if (ids.length < profile.rules.length) continue
    const level = profile.scopes[0]?.level ?? 'low'
    profiles.push({ id: document.id, document, profile, parts: ids, level, ...attackOf(document.tags) })
  }
  return { profiles, carried, parts }
}
