import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readRuleFolder } from './rule-files.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-rules-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

function write(path: string, text = path): void {
  mkdirSync(join(folder, path, '..'), { recursive: true })
  writeFileSync(join(folder, path), text)
}

describe('readRuleFolder', () => {
  it('reads rules and fields.yml, and neither tests, playbooks nor other files, in the order of paths', async () => {
    for (const path of [
      'b/two.yml',
      'a/one.yaml',
      'fields.yml',
      'a/one.test.yml',
      'playbooks/x.yml',
      'README.md',
      '.git/x.yml'
    ])
      write(path)
    const files = await readRuleFolder(folder)
    expect(files.map(({ file, text }) => [relative(folder, file), text])).toEqual([
      ['a/one.yaml', 'a/one.yaml'],
      ['b/two.yml', 'b/two.yml'],
      ['fields.yml', 'fields.yml']
    ])
  })

  it('follows the links that a mounted ConfigMap consists of', async () => {
    write('..2026_11_24/rule.yml', 'title: x')
    symlinkSync('..2026_11_24', join(folder, '..data'))
    symlinkSync('..data/rule.yml', join(folder, 'rule.yml'))
    expect(await readRuleFolder(folder)).toEqual([{ file: join(folder, 'rule.yml'), text: 'title: x' }])
  })

  it('says which folder cannot be read', async () => {
    await expect(readRuleFolder(join(folder, 'nothing'))).rejects.toMatchObject({ code: 'RULES_UNREADABLE' })
  })

  it('does not follow a link that leads round in a circle', async () => {
    symlinkSync('.', join(folder, 'again'))
    await expect(readRuleFolder(folder)).rejects.toMatchObject({ code: 'RULES_TOO_MANY' })
  })
})
