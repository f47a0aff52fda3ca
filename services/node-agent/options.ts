import { z } from 'zod'
import { followOptions, linesFit } from '../platform/ingest/sources.ts'
import { spoolOptions } from '../platform/spool/options.ts'
import { attributionOptions } from './containers/options.ts'
import { BUILTIN, builtinSource } from './sensor/options.ts'
import { BPFTRACE, bpftraceSource, httpFrom, httpSource, tetragonFrom, tetragonGrpcSource } from './sources/options.ts'

const MIB = 1024 * 1024
const bytes = (value: number) => z.number().int().positive().default(value)

const sensor = z
  .enum(['tetragon', 'falco', 'tracee', 'recorded'])
  .describe('Whose events they are; `recorded` are events of the built-in sensor, written down.')

const source = z.union([
  z.strictObject({
    type: sensor,
    path: z.string().min(1).describe('File that the sensor writes, one JSON object a line.')
  }),
  z.strictObject({ type: sensor, stdin: z.literal(true).describe('Lines from standard input, in place of a file.') }),
  httpSource,
  tetragonGrpcSource,
  bpftraceSource,
  builtinSource
])

export type NodeAgentSource = z.output<typeof source>

/** What records of a source are said to come from. */
export function fromOf(from: NodeAgentSource): string {
  if (from.type === 'builtin') return BUILTIN
  if (from.type === 'bpftrace') return BPFTRACE
  if ('http' in from) return httpFrom(from)
  if ('grpc' in from) return tetragonFrom(from)
  return 'path' in from ? from.path : 'stdin'
}

/** Settings of the node agent. */
export const nodeAgentOptions = z
  .strictObject({
    node: z
      .string()
      .min(1)
      .optional()
      .describe(
        'Name of this node. Given, it counts for all events; else each event’s own counts, else the host name.'
      ),
    sources: z.array(source).default([]).describe('Sensors to read.'),
    follow: followOptions.prefault({}).describe('How files are followed.'),
    spool: spoolOptions('/var/lib/weir/node-agent').prefault({}).describe('Where events wait for Kafka.'),
    gather_max_bytes: z
      .number()
      .int()
      .positive()
      .default(256 * 1024)
      .describe('How much input is turned into messages and published at a time.'),
    attribution: attributionOptions.prefault({}).describe('How events come to know their container and pod.'),
    actions: z
      .strictObject({
        responder_key_file: z
          .string()
          .optional()
          .describe('Ed25519 public key, PEM, of the responder: without it, the agent does nothing for anybody.'),
        static_pods: z
          .string()
          .optional()
          .describe(
            'Folder that the kubelet reads static pods from, for containing one; usually /etc/kubernetes/manifests.'
          ),
        kept: z
          .string()
          .default('/var/lib/weir/node-agent/static-pods')
          .describe('Where manifests of contained static pods are kept.'),
        cgroups: z.string().default('/sys/fs/cgroup').describe('Where the node’s control groups are.'),
        proc: z.string().default('/proc').describe('Where the node’s processes are.'),
        evidence: z
          .strictObject({
            directory: z
              .string()
              .default('/var/lib/weir/node-agent/evidence')
              .describe('Where bundles of evidence are kept.'),
            bundle_max_bytes: bytes(256 * MIB).describe('Largest bundle; what is beyond is left out, which it says.'),
            file_max_bytes: bytes(64 * MIB).describe('Largest program that is copied and largest file that is hashed.'),
            total_max_bytes: bytes(2048 * MIB).describe(
              'All bundles together. When that is reached, no more are made, and none is removed.'
            ),
            time_max_ms: z
              .number()
              .int()
              .positive()
              .max(25_000)
              .default(20_000)
              .describe('How long to collect; the responder waits 30 s.')
          })
          .prefault({})
          .describe('Evidence that is collected before something is destroyed.')
      })
      .prefault({})
      .describe('What the agent does for the responder.'),
    linger_ms: z.number().int().positive().default(200).describe('How long to wait for more before publishing.')
  })
  .refine(({ sources }) => sources.filter((source) => 'stdin' in source).length <= 1, {
    path: ['sources'],
    message: 'there is one standard input only'
  })
  .refine(({ sources }) => new Set(sources.map(fromOf)).size === sources.length, {
    path: ['sources'],
    message: 'the same source is given twice'
  })
  .refine(({ follow, spool }) => linesFit(follow, spool), {
    path: ['spool', 'max_bytes'],
    message: 'must hold a line of follow.line_max_bytes and 512 KiB beside one segment'
  })

export type NodeAgentOptions = z.output<typeof nodeAgentOptions>
