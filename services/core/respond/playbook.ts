import { type Document, isMap, isScalar, LineCounter, parseDocument } from 'yaml'
import { z } from 'zod'
import { messageOf, WeirError } from '../errors.ts'
import { RESPOND_ERRORS } from './errors.ts'
import { DNS_LABEL } from './names.ts'

/** What a playbook can do. Each is planned by the function of that name in `actions/`. */
export const ACTION_NAMES = [
  'collect_evidence',
  'annotate_evidence',
  'notify',
  'quarantine_pod',
  'kill_process_tree',
  'freeze_container',
  'kill_container',
  'contain_workload',
  'delete_pod',
  'revoke_service_account',
  'rotate_service_account',
  'delete_role_binding',
  'delete_token_secret',
  'deny_certificate_request',
  'remove_webhook',
  'cordon_node',
  'taint_node',
  'drain_node'
] as const
export type ActionName = (typeof ACTION_NAMES)[number]

const severity = z.enum(['informational', 'low', 'medium', 'high', 'critical'])
const limit = (value: number, what: string) => z.number().int().min(1).max(100).default(value).describe(what)

export const playbookSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,62}$/, 'must be lower-case words joined by hyphens')
    .describe('Identity; also the file name.'),
  title: z.string().min(1).max(120).describe('What it does, in one line.'),
  description: z.string().max(2000).default('').describe('When to use it, and what to expect.'),
  when: z
    .strictObject({
      severity: severity.default('high').describe('Least severity of the incident.'),
      entities: z
        .array(z.enum(['pod', 'workload', 'service_account', 'user', 'node', 'secret', 'role_binding', 'object']))
        .default([])
        .describe('The incident has one of these as actor or target; empty: whatever it has.'),
      sources: z
        .array(z.enum(['audit', 'runtime', 'cloud']))
        .default([])
        .describe('The incident was seen by all of these.')
    })
    .prefault({})
    .describe('Which incidents it is for, where no rule recommends a playbook.'),
  mode: z
    .enum(['dry-run', 'approve', 'auto'])
    .default('approve')
    .describe(
      'dry-run only shows; approve waits for a person; auto goes ahead. `responder.mode` is the most there can be.'
    ),
  steps: z
    .array(
      z.strictObject({
        action: z.enum(ACTION_NAMES).describe('What to do.'),
        severity: severity.default('informational').describe('Only for incidents at least this severe.')
      })
    )
    .min(1)
    .max(20)
    .describe('What to do, in order.'),
  limits: z
    .strictObject({
      pods: limit(10, 'Most pods to act on.'),
      workloads: limit(5, 'Most workloads to contain.'),
      service_accounts: limit(5, 'Most service accounts to revoke.'),
      objects: limit(5, 'Most bindings, secrets and other objects to remove.')
    })
    .prefault({})
    .describe('What is more than this is left to people, and named in the plan.'),
  protected_namespaces: z
    .array(z.string().regex(DNS_LABEL, 'is not the name of a namespace'))
    .max(100)
    .default([])
    .describe('Namespaces never to act on, beside those that Weir never acts on.')
})

/** How to respond to incidents of some kind. */
export type Playbook = z.output<typeof playbookSchema>

const MAX_CHARACTERS = 64 * 1024

/** Offset of what a path of keys leads to, or of the nearest thing above it; of the key itself where that is unknown. */
function offsetAt(document: Document, path: readonly PropertyKey[], unknownKey: string | undefined): number {
  const container = path.length === 0 ? document.contents : document.getIn(path, true)
  if (unknownKey !== undefined && isMap(container)) {
    for (const { key } of container.items) {
      if (isScalar(key) && String(key.value) === unknownKey) return key.range?.[0] ?? 0
    }
  }
  for (let length = path.length; length > 0; length -= 1) {
    const node = document.getIn(path.slice(0, length), true)
    if (typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range))
      return Number(node.range[0])
  }
  return 0
}

/**
 * Reads a playbook.
 * @param text YAML, at most 64 Ki characters
 * @param file its name, for messages
 * @throws WeirError PLAYBOOK_NOT_YAML, PLAYBOOK_INVALID; the message has a line per problem, each with file, line and column
 */
export function parsePlaybook(text: string, file: string): Playbook {
  if (text.length > MAX_CHARACTERS) {
    throw new WeirError(RESPOND_ERRORS, 'PLAYBOOK_NOT_YAML', `${file}: larger than ${MAX_CHARACTERS} characters`)
  }
  const lines = new LineCounter()
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return `${file}:${line}:${col}`
  }
  let document: Document
  let value: unknown
  try {
    document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'silent' })
    const [problem] = document.errors
    if (problem !== undefined)
      throw new WeirError(RESPOND_ERRORS, 'PLAYBOOK_NOT_YAML', `${place(problem.pos[0])}: ${problem.message}`)
    value = document.toJS()
  } catch (error) {
    if (error instanceof WeirError) throw error
    // Nesting deeper than the stack, and aliases that would fill the memory.
    throw new WeirError(RESPOND_ERRORS, 'PLAYBOOK_NOT_YAML', `${file}: ${messageOf(error)}`, { cause: error })
  }
  const result = playbookSchema.safeParse(value)
  if (result.success) return result.data
  const problems = result.error.issues.flatMap((issue) => {
    const unknown = issue.code === 'unrecognized_keys' ? issue.keys : [undefined]
    return unknown.map((key) => {
      const dotted = [...issue.path, ...(key === undefined ? [] : [key])].map(String).join('.')
      const what = key === undefined ? issue.message : `unknown key; known here: ${knownKeys(issue.path).join(', ')}`
      return `${place(offsetAt(document, issue.path, key))}: ${dotted === '' ? '' : `${dotted}: `}${what}`
    })
  })
  throw new WeirError(RESPOND_ERRORS, 'PLAYBOOK_INVALID', problems.join('\n'), { cause: result.error })
}

/** The keys that a playbook knows at a place, for messages. */
function knownKeys(path: readonly PropertyKey[]): readonly string[] {
  if (path.length === 0) return Object.keys(playbookSchema.shape)
  if (path[0] === 'steps') return ['action', 'severity']
  return path[0] === 'when' ? ['severity', 'entities', 'sources'] : ['pods', 'workloads', 'service_accounts', 'objects']
}

/**
 * Reads playbooks.
 * @returns in the order of their names
 * @throws as `parsePlaybook`; PLAYBOOK_NAME_TAKEN
 */
export function parsePlaybooks(
  files: readonly { readonly file: string; readonly text: string }[]
): readonly Playbook[] {
  const byName = new Map<string, { readonly playbook: Playbook; readonly file: string }>()
  for (const { file, text } of files) {
    const playbook = parsePlaybook(text, file)
    const other = byName.get(playbook.name)
    if (other !== undefined) {
      throw new WeirError(
        RESPOND_ERRORS,
        'PLAYBOOK_NAME_TAKEN',
        `${file}: ${other.file} has a playbook ${playbook.name} already`
      )
    }
    byName.set(playbook.name, { playbook, file })
  }
  return [...byName.values()].map(({ playbook }) => playbook).sort((a, b) => (a.name < b.name ? -1 : 1))
}
