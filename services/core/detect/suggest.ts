/**
 * Damerau-Levenshtein distance (optimal string alignment), given up once it must exceed `most`.
 * @returns the distance, or a number greater than `most`
 */
function editDistance(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) > most) return most + 1
  let beforePrevious: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i]
    let least = i
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min((previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (previous[j - 1] ?? 0) + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, (beforePrevious[j - 2] ?? 0) + 1)
      }
      row.push(cost)
      least = Math.min(least, cost)
    }
    if (least > most) return most + 1
    beforePrevious = previous
    previous = row
  }
  return previous[b.length] ?? most + 1
}

/**
 * The name that was most likely meant.
 * @returns null when no candidate is near: at most a third of the characters may differ; case does not count, and a name whose
 *   last part is what was written (`containers.image` for `image`) counts as near
 */
export function nearest(written: string, candidates: Iterable<string>): string | null {
  const wanted = written.toLowerCase()
  if (wanted === '') return null
  let best: string | null = null
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1
  for (const candidate of candidates) {
    const name = candidate.toLowerCase()
    const distance = name.endsWith(`.${wanted}`) ? 1 : editDistance(wanted, name, bestDistance)
    const shorter = best !== null && distance === bestDistance && candidate.length < best.length
    if (distance < bestDistance || shorter) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}
