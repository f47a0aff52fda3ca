import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { expect, it } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { z } from 'zod'
import { settingsSchema } from '../../services/cli/settings.ts'

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')
const documents = parseAllDocuments(read('node-agent.yaml')).map((document): unknown => document.toJS())
const kinds = documents.map((document) => z.object({ kind: z.string() }).parse(document).kind)

const daemonSet = z.object({
  kind: z.literal('DaemonSet'),
  spec: z.object({
    template: z.object({
      spec: z.object({
        automountServiceAccountToken: z.boolean(),
        hostPID: z.boolean(),
        hostNetwork: z.boolean().default(false),
        hostIPC: z.boolean().default(false),
        containers: z.tuple([
          z.object({
            args: z.array(z.string()),
            securityContext: z.object({
              privileged: z.boolean().default(false),
              readOnlyRootFilesystem: z.boolean(),
              allowPrivilegeEscalation: z.boolean(),
              capabilities: z.object({ drop: z.array(z.string()), add: z.array(z.string()) })
            }),
            volumeMounts: z.array(
              z.object({ name: z.string(), mountPath: z.string(), readOnly: z.boolean().default(false) })
            )
          })
        ]),
        volumes: z.array(z.object({ name: z.string(), hostPath: z.object({ path: z.string() }).optional() }))
      })
    })
  })
})
const found = documents.flatMap((document) => daemonSet.safeParse(document).data ?? [])
const pod = found[0]?.spec.template.spec
const settings = settingsSchema.parse(
  documents.flatMap((document) => {
    const map = z.object({ data: z.object({ 'weir.yml': z.string() }) }).safeParse(document).data
    return map === undefined ? [] : [parse(map.data['weir.yml']) as unknown]
  })[0]
)

it('the agent has the capabilities that its error names, and no others', () => {
  const said = /needs the capabilities ([A-Z_, ]+(?:and [A-Z_]+)?),/.exec(
    read('../../services/node-agent/sensor/libbpf.ts')
  )?.[1]
  const needed = said?.split(/, | and /) ?? []
  expect(needed.length).toBeGreaterThan(0)
  const context = pod?.containers[0].securityContext
  expect(context?.capabilities.drop).toEqual(['ALL'])
  expect(context?.capabilities.add.toSorted()).toEqual(needed.toSorted())
  expect(context).toMatchObject({ privileged: false, readOnlyRootFilesystem: true, allowPrivilegeEscalation: false })
})

it('the agent sees the node’s processes, and shares no more of the node', () => {
  expect(found).toHaveLength(1)
  expect(pod).toMatchObject({ hostPID: true, hostNetwork: false, hostIPC: false })
})

it('the agent may do nothing with the Kubernetes API', () => {
  expect(pod?.automountServiceAccountToken).toBe(false)
  expect(kinds.filter((kind) => /Role|Binding/.test(kind))).toEqual([])
})

it('the agent can write where its settings say that it does, and nowhere else but to sockets of runtimes', () => {
  const writable = pod?.containers[0].volumeMounts.filter(({ readOnly }) => !readOnly) ?? []
  const state = writable.find(({ name }) => name === 'state')?.mountPath ?? '-'
  expect(settings.node_agent.spool.directory.startsWith(`${state}/`)).toBe(true)
  expect(/WEIR_HOME=(\S+)/.exec(read('../docker/Dockerfile'))?.[1]).toBe(state)
  const sockets = settings.node_agent.attribution.sockets.map(dirname)
  expect(
    writable
      .filter(({ name }) => name !== 'state')
      .map(({ mountPath }) => mountPath)
      .toSorted()
  ).toEqual([...new Set(sockets)].toSorted())
})

it('the image has the sensor built, and what loads it', () => {
  const text = read('../docker/Dockerfile')
  expect(text).toContain('sensor/build.ts --out /sensor')
  expect(text).toContain('COPY --from=sensor /sensor/ services/node-agent/sensor/')
  expect(text).toContain('libbpf1')
})
