import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { z } from 'zod'
import { WATCHED } from '../../services/inventory/resources.ts'

const role = z.object({
  kind: z.literal('ClusterRole'),
  rules: z.array(
    z.strictObject({ apiGroups: z.array(z.string()), resources: z.array(z.string()), verbs: z.array(z.string()) })
  )
})

it('the inventory may list and watch exactly what it watches', () => {
  const text = readFileSync(new URL('inventory-rbac.yaml', import.meta.url), 'utf8')
  const roles = parseAllDocuments(text).flatMap((document) => role.safeParse(document.toJS()).data ?? [])
  expect(roles).toHaveLength(1)
  const granted = (roles[0]?.rules ?? []).flatMap(({ apiGroups, resources, verbs }) => {
    expect(verbs).toEqual(['list', 'watch'])
    return apiGroups.flatMap((group) => resources.map((resource) => `${group}/${resource}`))
  })
  // `/api/v1/pods` and `/apis/apps/v1/deployments`.
  const watched = WATCHED.map(({ path }) => {
    const [, api, first, second, third] = path.split('/')
    return api === 'api' ? `/${second}` : `${first}/${third}`
  })
  expect(granted.toSorted()).toEqual(watched.toSorted())
})
