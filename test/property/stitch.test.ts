import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { loadRules } from '../../services/cli/rules.ts'
import { measure } from '../eval/measure.ts'
import { type Matching, matchAll, type Stitching, stitchAll } from '../eval/pipeline.ts'
import { missedMusts } from '../eval/render.ts'
import { type DeliveryOptions, deliver, USUAL_DELIVERY } from '../support/scenario/campaigns/deliver.ts'
import { type Generated, generateScenario } from '../support/scenario/campaigns/generate.ts'
import { duplicated, shuffledWithin } from '../support/scenario/distort.ts'
import { createRandom } from '../support/scenario/random.ts'

/** Attacks of the campaigns amid benign work, by the built-in rules. */

interface Played {
  readonly generated: Generated
  readonly matching: Matching
}

/** Within the ten minutes that the correlator waits. */
const LATE_US = 9 * 60_000_000

const loaded = await loadRules({ folders: [], builtin: true }, () => undefined)

function played(
  seed: string,
  attacks: number,
  benign: number,
  delivery: Omit<DeliveryOptions, 'seed'> = USUAL_DELIVERY
): Played {
  const generated = generateScenario({
    seed,
    attacks,
    benign,
    clusters: 2,
    concurrent: 5,
    skew_us: 200_000,
    evading: 0.25
  })
  return { generated, matching: matchAll(generated, deliver(generated, { seed, ...delivery }), loaded) }
}

/** The incidents that stand, as text, without their revision numbers, which count batches. */
function standing({ last }: Stitching): readonly string[] {
  return [...last.values()]
    .filter(({ status }) => status === 'open')
    .map((incident) => JSON.stringify({ ...incident, revision: 0 }))
    .sort()
}

// Seconds on a quiet machine.
describe('generated attacks', { timeout: 300_000 }, () => {
  it('are one incident each, without what is benign, and no incident is of two clusters', () => {
    const { generated, matching } = played('unit', 20, 200)
    const measures = measure(generated.attacks, matching, stitchAll(matching.matched, loaded))
    expect(missedMusts(measures)).toEqual([])
    expect(measures).toMatchObject({ attacks: 20, unseen: [], across_clusters: 0, unusable: 0 })
    expect(measures.pulled_in).toBeLessThanOrEqual(measures.benign_signals * 0.01)
  })

  it('are the same for the same seed, and others for another', () => {
    const [one, same, other] = ['a', 'a', 'b'].map((seed) => {
      const { clusters } = played(seed, 4, 8).generated
      return JSON.stringify(clusters.map(({ recorded }) => recorded))
    })
    expect(same === one).toBe(true)
    expect(other === one).toBe(false)
  })

  it('end in the same incidents in order, late, shuffled, repeated and otherwise batched', () => {
    // One attack of each campaign; what is known of pods does not depend on how events come.
    const { matching } = played('order', 17, 30, {
      ...USUAL_DELIVERY,
      lateness_us: 0,
      duplicates: 0,
      audit_late_us: 0,
      cloud_late_us: 0
    })
    const inOrder = matching.matched
      .map((one) => ({ ...one, time_us: one.signals[0]?.time ?? 0 }))
      .sort((a, b) => a.time_us - b.time_us)
    const alone = inOrder.map((one, place) => ({ ...one, arrival_us: place }))
    const ordered = standing(stitchAll(alone, loaded, { batch_us: 1 }))
    expect(ordered.length).toBeGreaterThan(16)
    fc.assert(
      fc.property(fc.string(), fc.constantFrom(1, 2_000_000, 90_000_000), fc.boolean(), (seed, batch_us, twice) => {
        const random = createRandom(seed)
        const shuffled = shuffledWithin(inOrder, LATE_US, random)
        const arrived = twice ? duplicated(shuffled, 0.3, 50, random) : shuffled
        // Batches are cut by arrival: here each record arrives a second after the one before it.
        const stream = arrived.map((one, place) => ({ ...one, arrival_us: place * 1_000_000 }))
        expect(standing(stitchAll(stream, loaded, { batch_us }))).toEqual(ordered)
      }),
      { numRuns: 3 }
    )
  })
})
