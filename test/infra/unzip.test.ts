import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32, deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { unzip } from '../../infra/native/unzip.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-unzip-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

interface File {
  readonly name: string
  readonly content: Buffer
  readonly mode?: number
  readonly stored?: boolean
  readonly method?: number
}

/** Writes a ZIP archive as other programs do: local headers with an extra field, then the directory. */
function zip(files: readonly File[], comment = ''): Buffer {
  const extra = Buffer.from([0x55, 0x54, 1, 0, 0])
  const bodies: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const { name, content, mode = 0o644, stored = false, method = stored ? 0 : 8 } of files) {
    const data = stored ? content : deflateRawSync(content)
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20, 0)
    common.writeUInt16LE(method, 4)
    common.writeUInt32LE(crc32(content), 10)
    common.writeUInt32LE(data.length, 14)
    common.writeUInt32LE(content.length, 18)
    common.writeUInt16LE(Buffer.byteLength(name), 22)
    const local = Buffer.from(common)
    local.writeUInt16LE(extra.length, 24)
    const body = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), local, Buffer.from(name), extra, data])
    const rest = Buffer.alloc(14)
    rest.writeUInt32LE((mode << 16) >>> 0, 6)
    rest.writeUInt32LE(offset, 10)
    const head = Buffer.from('PK\x01\x02\x14\x03', 'latin1')
    directory.push(Buffer.concat([head, common, rest, Buffer.from(name)]))
    bodies.push(body)
    offset += body.length
  }
  const list = Buffer.concat(directory)
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt16LE(files.length, 8)
  end.writeUInt16LE(files.length, 10)
  end.writeUInt32LE(list.length, 12)
  end.writeUInt32LE(offset, 16)
  end.writeUInt16LE(Buffer.byteLength(comment), 20)
  return Buffer.concat([...bodies, list, end, Buffer.from(comment)])
}

async function unpack(archive: Buffer): Promise<string> {
  const file = join(folder, 'archive.zip')
  const target = join(folder, 'out')
  rmSync(target, { recursive: true, force: true })
  writeFileSync(file, archive)
  await unzip(file, target)
  return target
}

describe('unzip', () => {
  it('gives back every file with its content', async () => {
    const name = fc.stringMatching(/^[a-z]{1,8}(\/[a-z]{1,8})?$/)
    const file = fc.record({ name: name.map((text) => `${text}.x`), content: fc.uint8Array(), stored: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(file, { selector: (one) => one.name, maxLength: 5 }),
        fc.string(),
        async (files, comment) => {
          const out = await unpack(
            zip(
              files.map((one) => ({ ...one, content: Buffer.from(one.content) })),
              comment
            )
          )
          for (const one of files) expect(readFileSync(join(out, one.name))).toEqual(Buffer.from(one.content))
        }
      ),
      { numRuns: 40 }
    )
  })

  it('keeps programs executable and makes empty folders', async () => {
    const out = await unpack(
      zip([
        { name: 'bin/run', content: Buffer.from('#!/bin/sh'), mode: 0o755 },
        { name: 'logs/', content: Buffer.alloc(0), mode: 0o755, stored: true }
      ])
    )
    expect(statSync(join(out, 'bin/run')).mode & 0o100).toBe(0o100)
    expect(readdirSync(join(out, 'logs'))).toEqual([])
  })

  it.each(['../evil', 'a/../../evil', '../out-of-it/evil'])('refuses %s, which leaves the folder', async (name) => {
    await expect(unpack(zip([{ name, content: Buffer.from('x') }]))).rejects.toThrow('leaves the folder')
    expect(existsSync(join(folder, 'evil'))).toBe(false)
  })

  it.each([
    ['no archive', Buffer.from('<html>not found</html>'), /no ZIP archive/],
    ['nothing', Buffer.alloc(0), /no ZIP archive/],
    ['an archive cut short', zip([{ name: 'a', content: Buffer.alloc(100) }]).subarray(0, 80), /no ZIP archive/],
    ['a method that is not known', zip([{ name: 'a', content: Buffer.from('x'), method: 99 }]), /method 99/]
  ])('says what is wrong with %s', async (_, archive, message) => {
    await expect(unpack(archive)).rejects.toThrow(message)
  })

  it('notices content that was damaged', async () => {
    const archive = zip([{ name: 'a', content: Buffer.from('some text, some text, some text') }])
    archive.fill(0xff, 36, 46)
    await expect(unpack(archive)).rejects.toThrow()
  })
})
