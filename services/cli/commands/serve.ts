import { Argument, Command } from 'commander'
import { createHealth, serveHealth } from '../../platform/health.ts'
import { runUntilStopped } from '../../platform/lifecycle.ts'
import { createLogger } from '../../platform/log.ts'
import { collectProcessMetrics } from '../../platform/metrics.ts'
import { VERSION } from '../../platform/version.ts'
import { EXTRA_SERVICE_NAMES, SERVICE_NAMES, type ServiceName, startService } from '../serve/services.ts'
import { loadWeirSettings, type SettingsOptions, withSettings } from '../settings.ts'

export function serveCommand(): Command {
  return withSettings(new Command('serve'))
    .summary('run one service until it is told to stop')
    .description(
      'Runs a service. It serves /healthz, /readyz and /metrics, drains on SIGTERM, and ends with exit code 1 on what it cannot mend:\n' +
        'whoever runs it starts it again, and nothing is lost.'
    )
    .addArgument(new Argument('<service>', 'which one').choices([...SERVICE_NAMES, ...EXTRA_SERVICE_NAMES]))
    .addHelpText(
      'after',
      '\nExamples:\n  weir serve enricher -c /etc/weir/weir.yml\n  WEIR_LOG__LEVEL=debug weir serve audit-collector -c weir.yml'
    )
    .action(async (name: ServiceName, options: SettingsOptions) => {
      const settings = loadWeirSettings(options)
      const log = createLogger({ service: name, level: settings.log.level })
      collectProcessMetrics()
      const health = createHealth()
      const server = await serveHealth(health, settings.health)
      log.info({ version: VERSION, health: server.address() }, 'starting')
      let exitCode = 1
      try {
        exitCode = await runUntilStopped(await startService(name, { settings, log, health }), log)
      } catch (error) {
        log.fatal({ error }, 'cannot start')
      }
      server.closeAllConnections()
      server.close()
      log.info({ exitCode }, 'stopped')
      // Sockets of client libraries that are still trying to connect must not keep a stopped service alive.
      process.exit(exitCode)
    })
}
