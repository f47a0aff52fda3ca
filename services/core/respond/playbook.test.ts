import { describe, expect, it } from 'vitest'
import { messageOf, WeirError } from '../errors.ts'
import { parsePlaybook, parsePlaybooks } from './playbook.ts'

const GOOD = 'name: a\ntitle: A\nsteps:\n  - action: delete_pod\n'

function errorOf(work: () => unknown): { readonly code: string; readonly message: string } {
  try {
    work()
  } catch (error) {
    return { code: error instanceof WeirError ? error.code : 'none', message: messageOf(error) }
  }
  return { code: 'no error', message: '' }
}

describe('a playbook', () => {
  it('has defaults for all but its name, title and steps', () => {
    expect(parsePlaybook(GOOD, 'a.yml')).toMatchObject({
      when: { severity: 'high', entities: [], sources: [] },
      limits: { pods: 10, workloads: 5, service_accounts: 5 },
      protected_namespaces: [],
      steps: [{ action: 'delete_pod', severity: 'informational' }]
    })
  })

  it.each([
    ['no YAML', 'name: [', 'PLAYBOOK_NOT_YAML', 'p.yml:1:8'],
    ['a key twice', `${GOOD}title: B\n`, 'PLAYBOOK_NOT_YAML', 'p.yml:5:1'],
    ['an action that does not exist', GOOD.replace('delete_pod', 'reboot'), 'PLAYBOOK_INVALID', 'p.yml:4:13'],
    ['an unknown key', `${GOOD}limts: {}\n`, 'PLAYBOOK_INVALID', 'p.yml:5:1'],
    ['an unknown key further in', `${GOOD}limits:\n  pod: 3\n`, 'PLAYBOOK_INVALID', 'p.yml:6:3'],
    ['no steps', 'name: a\ntitle: A\nsteps: []\n', 'PLAYBOOK_INVALID', 'p.yml:3:8'],
    ['no name', 'title: A\nsteps: [{ action: delete_pod }]\n', 'PLAYBOOK_INVALID', 'name'],
    ['a name that is a path', GOOD.replace('name: a', 'name: ../a'), 'PLAYBOOK_INVALID', 'p.yml:1:7'],
    ['a limit of nothing', `${GOOD}limits: { pods: 0 }\n`, 'PLAYBOOK_INVALID', 'p.yml:5:17'],
    ['a namespace that is none', `${GOOD}protected_namespaces: [A/b]\n`, 'PLAYBOOK_INVALID', 'p.yml:5:24'],
    ['a list', '- a\n', 'PLAYBOOK_INVALID', 'p.yml:1:1'],
    ['nothing', '', 'PLAYBOOK_INVALID', 'p.yml:1:1'],
    ['nesting without end', '['.repeat(60_000), 'PLAYBOOK_NOT_YAML', 'p.yml'],
    [
      'aliases that grow',
      `a: &a [x,x,x,x,x,x,x,x,x]\n${[...'bcdefg'].map((c, i) => `${c}: &${c} [${Array(9).fill(`*${'abcdef'[i]}`).join(',')}]`).join('\n')}\n`,
      'PLAYBOOK_NOT_YAML',
      'p.yml'
    ],
    ['a megabyte', `# ${'x'.repeat(1_000_000)}\n${GOOD}`, 'PLAYBOOK_NOT_YAML', 'p.yml']
  ])('with %s is refused, saying where', (_name, text, code, place) => {
    const error = errorOf(() => parsePlaybook(text, 'p.yml'))
    expect(error.code).toBe(code)
    expect(error.message).toContain(place)
  })

  it('cannot reach a prototype', () => {
    expect(errorOf(() => parsePlaybook(`${GOOD}__proto__: { polluted: yes }\n`, 'p.yml')).code).toBe('PLAYBOOK_INVALID')
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false)
  })

  it('has a name of its own', () => {
    const files = [
      { file: 'one.yml', text: GOOD },
      { file: 'two.yml', text: GOOD }
    ]
    expect(errorOf(() => parsePlaybooks(files))).toEqual({
      code: 'PLAYBOOK_NAME_TAKEN',
      message: 'two.yml: one.yml has a playbook a already'
    })
  })
})
