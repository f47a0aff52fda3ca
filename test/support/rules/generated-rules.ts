import type { Json, OracleRule } from '../../rules/sigma-oracle.ts'
import { ruleText } from '../rule-text.ts'
import { createRandom, type Random } from '../scenario/random.ts'

/** A rule as text for the engine and as data for the plain interpreter. */
export interface GeneratedRule extends OracleRule {
  readonly text: string
  /** The events it is for: `audit`, or a runtime category and action. */
  readonly events: string
}

export const TOOLS = [
  'curl',
  'wget',
  'nmap',
  'socat',
  'nsenter',
  'kubectl',
  'crictl',
  'tcpdump',
  'base64',
  'openssl',
  'python3',
  'perl',
  'chattr',
  'mount',
  'insmod',
  'iptables'
] as const
export const FOLDERS = ['/usr/bin', '/usr/local/bin', '/tmp', '/dev/shm', '/opt/app/bin', '/var/lib/agent'] as const
export const RESOURCES = ['pods', 'secrets', 'configmaps', 'deployments', 'clusterroles', 'nodes', 'leases'] as const
export const VERBS = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete'] as const

/** A word that few events have: what tells one published rule from the next. */
export const rareWord = (random: Random): string => `${random.pick(TOOLS).slice(0, 4)}${random.suffix(2)}`

type Items = Readonly<Record<string, Json>>
interface Draft {
  readonly events: string
  readonly logsource: string
  readonly selection: Items
  readonly filter: Items | null
}

const PROCESS = { events: 'process exec', logsource: 'product: linux, category: process_creation' }
const READ = { events: 'file read', logsource: 'product: linux, category: file_access' }
const CONNECT = { events: 'network connect', logsource: 'product: linux, category: network_connection' }
const AUDIT = { events: 'audit', logsource: 'product: kubernetes, service: audit' }

/** Shapes of rules, as often as they stand here: half of published Linux and Kubernetes rules are about processes. */
const SHAPES: readonly ((random: Random) => Draft)[] = [
  (random) => ({
    ...PROCESS,
    selection: {
      'process.executable|endswith': [`/${random.pick(TOOLS)}`, `/${rareWord(random)}`],
      'process.command_line|contains': [` --${rareWord(random)}`, `${rareWord(random)}=`]
    },
    filter: { 'process.working_directory|startswith': `/srv/${rareWord(random)}` }
  }),
  (random) => ({
    ...PROCESS,
    selection: { 'process.command_line|contains|all': [rareWord(random), ` -${random.pick(['c', 'e', 'o', 'x'])} `] },
    filter: null
  }),
  (random) => ({
    ...PROCESS,
    selection: {
      'process.command_line|re': `(${rareWord(random)}|${rareWord(random)})\\b.*\\s(-[a-z]*e|--exec[ =])`
    },
    filter: null
  }),
  (random) => ({
    ...PROCESS,
    selection: { 'process.command_line|re|i': `\\b${rareWord(random)}\\s+[^|;]*\\|\\s*(ba|da|z)?sh\\b` },
    filter: { 'process.executable': [`/usr/bin/${random.pick(TOOLS)}`] }
  }),
  (random) => ({
    ...PROCESS,
    selection: {
      'process.executable|startswith': [`/tmp/${rareWord(random)}`, `/dev/shm/${rareWord(random)}`],
      'process.executable|re': '^/(tmp|dev/shm)/[^/]+$'
    },
    filter: null
  }),
  (random) => ({
    ...READ,
    selection: { 'file.path|startswith': [`/etc/${rareWord(random)}/`, `/root/.${rareWord(random)}`] },
    filter: { 'process.executable|endswith': `/${random.pick(TOOLS)}` }
  }),
  (random) => ({
    ...READ,
    selection: {
      'file.path|contains': [`/${rareWord(random)}.conf`, `/.${rareWord(random)}/`],
      'file.path|endswith': ['.conf', '/key', '/token']
    },
    filter: null
  }),
  (random) => ({
    ...CONNECT,
    selection: {
      'network.destination_ip|cidr': [
        `${random.integer(20, 200)}.${random.integer(0, 255)}.0.0/16`,
        `${random.integer(20, 200)}.${random.integer(0, 255)}.${random.integer(0, 255)}.0/24`
      ]
    },
    filter: { 'network.destination_port': [443, 53] }
  }),
  (random) => ({
    ...CONNECT,
    selection: {
      'network.destination_port': [random.integer(1024, 65535), random.integer(1024, 65535)],
      'process.executable|endswith': TOOLS.slice(0, 8).map((tool) => `/${tool}`)
    },
    filter: null
  }),
  (random) => ({
    ...AUDIT,
    selection: {
      verb: [random.pick(VERBS), random.pick(VERBS)],
      'objectRef.resource': random.pick(RESOURCES),
      'user.username|startswith': `system:serviceaccount:${rareWord(random)}:`
    },
    filter: { 'objectRef.namespace': ['kube-system', rareWord(random)] }
  }),
  (random) => ({
    ...AUDIT,
    selection: { 'userAgent|contains': [`${rareWord(random)}/`, rareWord(random)] },
    filter: { 'responseStatus.code|gte': 400 }
  }),
  (random) => ({
    ...AUDIT,
    selection: {
      verb: 'create',
      'objectRef.resource': 'pods',
      'requestObject.spec.containers.image|contains': [`/${rareWord(random)}:`, `${rareWord(random)}/`]
    },
    filter: null
  })
]

/** Rules of mixed kinds, the same for the same number. The first of a larger set are those of a smaller one. */
export function generatedRules(count: number): readonly GeneratedRule[] {
  const random = createRandom('rules')
  return Array.from({ length: count }, (_, index) => {
    const shape = SHAPES[index % SHAPES.length]
    if (shape === undefined) throw new RangeError('there are no shapes of rules')
    const { events, logsource, selection, filter } = shape(random.fork(String(index)))
    const identifiers: Record<string, Json> = filter === null ? { selection } : { selection, filter }
    const text = ruleText(
      { ...identifiers, condition: filter === null ? 'selection' : 'selection and not filter' },
      logsource,
      `rule ${index + 1}`
    )
    const named = { kind: 'name', name: 'selection' } as const
    return {
      identifiers,
      condition:
        filter === null
          ? named
          : { kind: 'and', children: [named, { kind: 'not', child: { kind: 'name', name: 'filter' } }] },
      events,
      text
    }
  })
}
