/** The whole pipeline for tests: every service as a process of its own, on the real servers of the integration tests. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentProgress } from '../../infra/progress.ts'
import type { Recording } from '../../services/cli/replay/recording.ts'
import { openWorld, type World } from '../../services/cli/serve/world.ts'
import { type Live, startLive } from '../../services/cli/up/live.ts'
import { createHealth } from '../../services/platform/health.ts'
import { silentLogger } from '../../services/platform/log.ts'
import { createOpenSearchClient } from '../../services/platform/opensearch/client.ts'
import { createOpenSearch } from '../../services/platform/opensearch/search.ts'
import type { SearchPort } from '../../services/platform/opensearch/search-port.ts'
import type { ServerEndpoints } from './servers.ts'

export interface LivePipeline {
  readonly live: Live
  readonly world: World
  readonly search: SearchPort
  stop(): Promise<void>
}

/** Starts all services for a recording, apart from others by index prefix, consumer groups and Redis keys. */
export async function startLivePipeline(
  endpoints: ServerEndpoints,
  name: string,
  recording: Recording
): Promise<LivePipeline> {
  const directory = mkdtempSync(join(tmpdir(), `weir-${name}-`))
  const live = await startLive({
    endpoints,
    run_directory: join(directory, 'run'),
    log_directory: join(directory, 'logs'),
    tls_directory: join(directory, 'tls'),
    cluster: recording.cluster,
    inventory: recording.inventory,
    webhook_port: null,
    progress: silentProgress,
    log_level: 'info',
    name
  })
  const world = await openWorld(live.settings, silentLogger, createHealth())
  const search = createOpenSearch(
    createOpenSearchClient(live.settings.opensearch),
    live.settings.opensearch,
    silentLogger
  )
  return {
    live,
    world,
    search,
    stop: async () => {
      await live.services.stop()
      await search.close()
    }
  }
}
