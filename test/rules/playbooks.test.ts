import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import type { Entity, EntityRole, EntityType, Incident } from '../../schemas/generated/types.ts'
import { buildIncident } from '../../services/core/correlate/incident.ts'
import { NO_FACTS } from '../../services/core/respond/facts.ts'
import { planFor } from '../../services/core/respond/plan.ts'
import { ACTION_NAMES } from '../../services/core/respond/playbook.ts'
import { BUILTIN_PLAYBOOKS, loadPlaybooks } from '../../services/responder/load-playbooks.ts'
import { signalOf } from '../support/signals.ts'

const severity = z.enum(['informational', 'low', 'medium', 'high', 'critical'])
const cases = z.array(
  z.strictObject({
    name: z.string(),
    severity: severity.default('high'),
    signals: z.array(
      z
        .strictObject({
          source: z.enum(['audit', 'runtime']),
          severity,
          action: z.string().default('exec'),
          outcome: z.enum(['success', 'failure']).default('success'),
          entities: z.array(z.string()),
          processes: z.array(z.string()).default([])
        })
        .partial({ severity: true })
    ),
    steps: z.union([z.array(z.string()), z.literal('none')]),
    requests: z.array(z.string()).default([]),
    notes: z.array(z.string()).default([])
  })
)

/** `type id role name`; role context and the id as name where they are left out. */
function entityOf(text: string): Entity {
  const [type = '', id = '', role = 'context', ...name] = text.split(' ')
  return { type: type as EntityType, id, role: role as EntityRole, name: name.join(' ') || id }
}

function processOf(text: string): Entity {
  const [id = '', ...command] = text.split(' ')
  return { type: 'process', id, role: 'actor', name: command.join(' ') }
}

function incidentOf(given: z.output<typeof cases>[number]): Incident {
  const signals = given.signals.map(({ processes, entities, severity: level, ...sketch }, minute) => {
    const ancestry = processes.map(processOf)
    const all = [...entities.map(entityOf), ...ancestry.slice(0, 1)]
    return signalOf({ ...sketch, id: `s${minute}`, minute, severity: level ?? 'low', entities: all, ancestry })
  })
  return {
    ...buildIncident({ id: '0123456789abcdef', revision: 1, status: 'open' }, signals),
    severity: given.severity
  }
}

describe('playbooks that come with Weir', () => {
  const playbooks = loadPlaybooks()

  it('bear the names of their files, and each has tests', () => {
    const files = readdirSync(BUILTIN_PLAYBOOKS).sort()
    expect(files).toEqual(playbooks.flatMap(({ name }) => [`${name}.test.yml`, `${name}.yml`]))
  })

  it('use every action there is, but for those that are for playbooks of one’s own', () => {
    const own = ['freeze_container', 'kill_container', 'rotate_service_account', 'drain_node']
    expect(new Set([...own, ...playbooks.flatMap(({ steps }) => steps.map(({ action }) => action))])).toEqual(
      new Set(ACTION_NAMES)
    )
  })

  describe.each(playbooks)('$name', (playbook) => {
    const text = readFileSync(join(BUILTIN_PLAYBOOKS, `${playbook.name}.test.yml`), 'utf8')
    it.each(cases.parse(parse(text)))('$name', (given) => {
      const plan = planFor(incidentOf(given), NO_FACTS, playbook)
      if (given.steps === 'none') return expect(plan).toBeNull()
      expect(plan?.steps.map(({ name, target }) => `${name} ${target.name}`)).toEqual(given.steps)
      const requests = (plan?.steps ?? [])
        .flatMap((step) => step.requests)
        .map(({ method, path, body }) => `${method} ${path}${body === null ? '' : ` ${body}`}`)
      for (const part of given.requests) expect(requests).toContainEqual(expect.stringContaining(part))
      for (const part of given.notes) expect(plan?.notes).toContainEqual(expect.stringContaining(part))
      if (given.notes.length === 0) expect(plan?.notes).toEqual([])
    })
  })
})
