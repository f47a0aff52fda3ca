import { z } from 'zod'
import { type EventKind, KINDS, PREFIX_BYTES } from './layout.ts'

/** What records of the built-in sensor are said to come from. */
export const BUILTIN = 'builtin'

const EVENT_KINDS = KINDS.filter((kind): kind is EventKind => kind !== '' && kind !== 'cgroup')

/** Parts of a path that the kernel compares are shorter than this. */
const PART_MAX = 31
const MIB = 1024 * 1024

/** Where secrets lie, from the root of the process: the node's, and those of pods. */
const READ_PREFIXES = [
  ...['/etc/shadow', '/etc/gshadow', '/etc/sudoers', '/etc/security/opasswd', '/etc/ssh/ssh_host_', '/root/.ssh/'],
  ...['/etc/kubernetes/', '/etc/srv/kubernetes/', '/etc/rancher/', '/run/secrets/', '/var/run/secrets/'],
  ...['/var/lib/kubelet/pki/', '/var/lib/kubelet/kubeconfig', '/var/lib/kubelet/bootstrap-kubeconfig'],
  ...['/var/lib/kubelet/config.json', '/var/lib/etcd/', '/var/lib/rancher/', '/var/lib/k0s/pki/', '/proc/kcore']
]

/** The same wherever they lie: homes, mounts of the node's root, other processes. Two parts at most. */
const READ_ENDS = [
  ...['etc/shadow', 'etc/gshadow', 'etc/shadow-', 'etc/gshadow-', 'etc/sudoers', 'environ', 'token'],
  ...['.ssh/id_rsa', '.ssh/id_dsa', '.ssh/id_ecdsa', '.ssh/id_ecdsa_sk', '.ssh/id_ed25519', '.ssh/id_ed25519_sk'],
  ...['.ssh/identity', '.aws/credentials', '.aws/config', '.boto', '.s3cfg', '.passwd-s3fs', 'gcloud/credentials.db'],
  ...['gcloud/access_tokens.db', 'application_default_credentials.json', 'rclone.conf', '.azure/accessTokens.json'],
  ...['.azure/azureProfile.json', 'msal_token_cache.json', 'msal_token_cache.bin', 'service_principal_entries.json'],
  ...['.oci/config', 'oci_api_key.pem', '.aliyun/config.json', 'doctl/config.yaml', '.bluemix/config.json'],
  ...['credentials.tfrc.json', 'terraform.tfstate', '.kube/config', 'admin.conf', 'super-admin.conf', 'kubelet.conf'],
  ...['bootstrap-kubelet.conf', 'controller-manager.conf', 'scheduler.conf', 'k3s.yaml', 'rke2.yaml'],
  ...['kubelet-client-current.pem', '.docker/config.json', '.dockercfg', 'containers/auth.json'],
  ...['registry/config.json', '.git-credentials', 'git/credentials', '.netrc', '_netrc', 'gh/hosts.yml'],
  ...['glab-cli/config.yml', '.config/hub', '.npmrc', '.yarnrc.yml', '.pypirc', 'pip/pip.conf', '.gem/credentials'],
  ...['.cargo/credentials', '.cargo/credentials.toml', '.m2/settings.xml', 'settings-security.xml'],
  ...['.gradle/gradle.properties', '.nuget/NuGet.Config', 'composer/auth.json', '.composer/auth.json', '.pgpass'],
  ...['.pg_service.conf', '.my.cnf', '.mylogin.cnf', 'mysql/debian.cnf', '.mongorc.js', '.dbshell'],
  ...['.rediscli_auth', '.cassandra/credentials', 'wp-config.php', '.odbc.ini']
]

/** Sockets by which a container runtime is told what to do. */
const RUNTIME_SOCKETS = [
  ...['docker.sock', 'containerd.sock', 'crio.sock', 'cri-dockerd.sock', 'podman.sock', 'buildkitd.sock'],
  ...['dockershim.sock', 'frakti.sock']
]

const ringBytes = (bytes: number, of: string) =>
  z
    .number()
    .int()
    .min(64 * 1024)
    .max(256 * MIB)
    .refine((value) => (value & (value - 1)) === 0, 'must be a power of two')
    .default(bytes)
    .describe(`Ring buffer between kernel and agent for ${of}.`)

const prefix = z
  .string()
  .startsWith('/')
  .refine((text) => Buffer.byteLength(text) <= PREFIX_BYTES, `must be at most ${PREFIX_BYTES} bytes`)

const end = z
  .string()
  .refine(
    (text) =>
      /^[^/]+(\/[^/]+)?$/.test(text) &&
      (text.includes('/')
        ? text.split('/').every((part) => Buffer.byteLength(part) <= PART_MAX)
        : Buffer.byteLength(text) <= 2 * PART_MAX),
    `must be a name, or folder/name of at most ${PART_MAX} bytes each`
  )

/** Settings of the built-in sensor, an entry of `node_agent.sources`. */
export const builtinSource = z.strictObject({
  type: z.literal('builtin').describe('The sensor of the agent itself.'),
  events: z.array(z.enum(EVENT_KINDS)).default(EVENT_KINDS).describe('Kinds of events that are wanted.'),
  read_prefixes: z
    .array(prefix)
    .max(500)
    .default(READ_PREFIXES)
    .describe('Starts of paths of files whose reading is an event; as the process sees them, links resolved.'),
  read_ends: z
    .array(end)
    .max(500)
    .default(READ_ENDS)
    .describe('Names of files whose reading is an event wherever they are: a name, or folder/name.'),
  sockets: z
    .array(end)
    .max(100)
    .default(RUNTIME_SOCKETS)
    .describe('Names of Unix sockets to which a connection is an event.'),
  write_ignore_prefixes: z
    .array(prefix)
    .max(500)
    .default([])
    .describe('Starts of paths of files whose writing is no event.'),
  process_ring_bytes: ringBytes(2 * MIB, 'processes'),
  ring_bytes: ringBytes(4 * MIB, 'all other events'),
  pending_max_bytes: z
    .number()
    .int()
    .positive()
    .default(16 * MIB)
    .describe('Events that wait for the spool; the fuller, the more kinds are dropped: first reads, processes never.'),
  poll_interval_ms: z.number().int().positive().max(1000).default(25).describe('How often the rings are looked into.'),
  heartbeat_interval_ms: z
    .number()
    .int()
    .positive()
    .default(30_000)
    .describe('How often the sensor tells that it lives, with what it has seen and lost.'),
  object: z
    .string()
    .min(1)
    .optional()
    .describe('Compiled BPF program; without it the one that `npm run build:sensor` made, or that is in the image.')
})

export type BuiltinSource = z.output<typeof builtinSource>
