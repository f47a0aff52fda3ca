import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findJava } from '../../infra/native/java.ts'
import { startNativeServers } from '../../infra/native/start.ts'
import { silentProgress } from '../../infra/progress.ts'

let home: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'weir-home-'))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

describe('startNativeServers', () => {
  it('touches no folder that holds the files of someone else, not even with fresh', async () => {
    mkdirSync(join(home, 'data/kafka'), { recursive: true })
    writeFileSync(join(home, 'data/kafka/precious'), 'x')
    const start = startNativeServers({ home, progress: silentProgress, fresh: true, only: ['kafka'], ports: 'free' })
    await expect(start).rejects.toMatchObject({ code: 'SERVER_DATA_UNUSABLE', message: expect.stringContaining(home) })
    expect(existsSync(join(home, 'data/kafka/precious'))).toBe(true)
  })

  it('gives its lock back when it fails', async () => {
    mkdirSync(join(home, 'data'))
    writeFileSync(join(home, 'data/precious'), 'x')
    const start = () => startNativeServers({ home, progress: silentProgress, only: ['redis'], ports: 'free' })
    await expect(start()).rejects.toMatchObject({ code: 'SERVER_DATA_UNUSABLE' })
    await expect(start()).rejects.toMatchObject({ code: 'SERVER_DATA_UNUSABLE' })
  })

  it('starts nothing when it was given up before', async () => {
    const options = { home, progress: silentProgress, ports: 'free', signal: AbortSignal.abort() } as const
    await expect(startNativeServers({ ...options, only: ['redis'] })).rejects.toMatchObject({ code: 'SERVER_ABORTED' })
    expect(existsSync(join(home, 'logs'))).toBe(false)
  })
})

describe('findJava', () => {
  function installJava(version: string): string {
    const java = join(home, `jdk-${version}`)
    mkdirSync(join(java, 'bin'), { recursive: true })
    writeFileSync(join(java, 'bin/java'), `#!/bin/sh\necho 'openjdk version "${version}"' >&2\n`, { mode: 0o755 })
    return java
  }

  it('takes JAVA_HOME before the PATH when it is new enough', async () => {
    const JAVA_HOME = installJava('22.0.1')
    const PATH = join(installJava('23'), 'bin')
    expect(await findJava({ JAVA_HOME, PATH })).toEqual({ home: JAVA_HOME, major: 22 })
  })

  it('passes over what is too old', async () => {
    const JAVA_HOME = installJava('1.8.0_402')
    const java = installJava('21.0.2')
    expect(await findJava({ JAVA_HOME, PATH: join(java, 'bin') })).toEqual({ home: java, major: 21 })
  })

  it('reads the version from the release file where there is one', async () => {
    const JAVA_HOME = installJava('17')
    writeFileSync(join(JAVA_HOME, 'release'), 'IMPLEMENTOR="x"\nJAVA_VERSION="25.0.1"\n')
    expect(await findJava({ JAVA_HOME, PATH: '' })).toEqual({ home: JAVA_HOME, major: 25 })
  })
})
