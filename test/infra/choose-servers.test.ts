import { describe, expect, it } from 'vitest'
import { SERVER_ERRORS } from '../../infra/errors.ts'
import { silentProgress } from '../../infra/progress.ts'
import type { RunningServers } from '../../infra/running-servers.ts'
import { chooseServers, type ServersKind, type Starters, type Surroundings, startServers } from '../../infra/servers.ts'
import { WeirError } from '../../services/core/errors.ts'

const NO_ENGINE = 'no engine answers'

function surroundings(docker: string | null, obstacles: readonly string[]): Surroundings {
  return {
    docker: async () => docker,
    native: async () => ({ obstacles, findings: ['Java 25', 'Maven', 'Redis'] })
  }
}

describe('chooseServers', () => {
  it.each([
    [null, [], 'docker', 'a Docker engine answers'],
    [NO_ENGINE, [], 'native', `Docker: ${NO_ENGINE}; here are Java 25, Maven, Redis`],
    [NO_ENGINE, ['no Maven (mvn)'], 'embedded', `Docker: ${NO_ENGINE}; native servers: no Maven (mvn)`]
  ] as const)('with Docker "%s" and obstacles %j it is %s', async (docker, obstacles, kind, reason) => {
    const choice = await chooseServers(undefined, surroundings(docker, obstacles))
    expect(choice.kind).toBe(kind)
    expect(choice.reason).toContain(reason)
  })

  it.each([
    ['docker', surroundings(NO_ENGINE, []), NO_ENGINE],
    ['native', surroundings(null, ['no Redis']), 'no Redis']
  ] as const)('refuses %s when it cannot be, rather than to take another', async (wish, around, why) => {
    await expect(chooseServers(wish, around)).rejects.toMatchObject({
      code: 'SERVER_CHOICE_IMPOSSIBLE',
      message: expect.stringContaining(why)
    })
  })

  it.each(['docker', 'native', 'embedded'] as const)('takes %s when it was asked for and can be', async (wish) => {
    expect((await chooseServers(wish, surroundings(null, []))).kind).toBe(wish)
  })

  it('does not look for Docker when native servers were asked for', async () => {
    const around = { ...surroundings(null, []), docker: () => Promise.reject(new Error('looked')) }
    expect((await chooseServers('native', around)).kind).toBe('native')
  })
})

describe('startServers', () => {
  const running = {} as RunningServers
  const fails = (code: keyof typeof SERVER_ERRORS) => () =>
    Promise.reject(new WeirError(SERVER_ERRORS, code, 'it is broken'))
  const works = async () => running

  async function start(starters: Starters, wish?: ServersKind) {
    const notes: string[] = []
    const progress = { ...silentProgress, note: (text: string) => void notes.push(text) }
    const result = await startServers({ home: '/nowhere', progress, wish }, surroundings(null, []), starters)
    return { ...result, notes }
  }

  it('goes on to native servers when the containers do not start, and says why', async () => {
    const { choice, servers, notes } = await start({ docker: fails('SERVER_START_FAILED'), native: works })
    expect(choice.kind).toBe('native')
    expect(servers).toBe(running)
    expect(notes[1]).toContain('it is broken')
  })

  it('goes on to no servers when a package cannot be fetched either', async () => {
    const { choice, servers } = await start({
      docker: fails('SERVER_START_FAILED'),
      native: fails('SERVER_DOWNLOAD_FAILED')
    })
    expect(choice).toMatchObject({ kind: 'embedded', reason: expect.stringContaining('it is broken') })
    expect(servers).toBeNull()
  })

  it('tells a native server that does not start, rather than to do without', async () => {
    await expect(
      start({ docker: fails('SERVER_START_FAILED'), native: fails('SERVER_START_FAILED') })
    ).rejects.toMatchObject({
      code: 'SERVER_START_FAILED'
    })
  })

  it('does not go on when containers were asked for', async () => {
    await expect(start({ docker: fails('SERVER_START_FAILED'), native: works }, 'docker')).rejects.toMatchObject({
      code: 'SERVER_START_FAILED'
    })
  })
})
