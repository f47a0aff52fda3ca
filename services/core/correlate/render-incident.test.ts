import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ATTACK } from '../../../test/support/scarleteel-signals.ts'
import { entityOf, podOf, signalOf } from '../../../test/support/signals.ts'
import { columnsOf, plainStyle } from '../terminal-text.ts'
import { buildIncident } from './incident.ts'
import { renderIncident } from './render-incident.ts'

const HEADER = { id: 'f00d', revision: 1, status: 'open' } as const

describe('an incident on a terminal', { timeout: 60_000 }, () => {
  it('fits the width it is given', () => {
    const incident = buildIncident(HEADER, ATTACK)
    for (const width of [60, 80, 120, 200]) {
      for (const line of renderIncident(incident, { width, style: plainStyle }).split('\n')) {
        expect(columnsOf(line), line).toBeLessThanOrEqual(width)
      }
    }
  })

  it('styles text and nothing but text', () => {
    const styled = renderIncident(buildIncident(HEADER, ATTACK), {
      width: 100,
      style: (name, text) => `<${name}>${text}</>`
    })
    expect(styled).toContain('<magenta>CRITICAL</>')
    expect(styled.replaceAll(/<[a-z]+>|<\/>/g, '')).toBe(
      renderIncident(buildIncident(HEADER, ATTACK), { width: 100, style: plainStyle })
    )
  })

  it('cannot be made to control the terminal, even by an incident that did not come through here', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const signal = signalOf({
          id: 'a',
          minute: 0,
          title: text,
          entities: [podOf('u', text), entityOf('secret', text, 'target', text)],
          ancestry: [entityOf('process', 'p', 'actor', text)]
        })
        const built = buildIncident(HEADER, [signal])
        const raw = {
          ...built,
          title: text,
          narrative: text,
          cluster: { id: text, name: text },
          playbook: text,
          techniques: [text],
          entities: built.entities.map((entity) => ({ ...entity, name: text })),
          causality: built.causality.map((node) => ({ ...node, name: text })),
          timeline: built.timeline.map((entry) => ({ ...entry, title: text, code: text }))
        }
        const shown = renderIncident(raw, { width: 80, style: plainStyle })
        expect(shown.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
      })
    )
  })

  it('says how much it leaves out', () => {
    const signals = Array.from({ length: 300 }, (_, minute) =>
      signalOf({
        id: `s${minute}`,
        minute,
        entities: [podOf(`u${minute}`, `x/p${minute}`)],
        ancestry: [entityOf('process', `p${minute}`, 'actor', `run ${minute}`)]
      })
    )
    const text = renderIncident(buildIncident(HEADER, signals), { width: 100, style: plainStyle })
    expect(text).toContain('and 260 more')
    expect(text.replaceAll('\n', ' ')).toContain(
      'The causality tree shows 200 nodes and leaves out 400 less severe or later ones.'
    )
  })
})
