import { Command } from 'commander'
import { messageOf, WeirError } from '../core/errors.ts'
import { VERSION } from '../platform/version.ts'
import { configCommand } from './commands/config.ts'
import { containersCommand } from './commands/containers.ts'
import { dlqCommand } from './commands/dlq.ts'
import { huntCommand } from './commands/hunt.ts'
import { incidentsCommand } from './commands/incidents.ts'
import { respondCommand } from './commands/respond.ts'
import { rulesCommand } from './commands/rules.ts'
import { serveCommand } from './commands/serve.ts'
import { setupCommand } from './commands/setup.ts'
import { upCommand } from './commands/up.ts'

const program = new Command('weir')
  .description('Kubernetes detection and response as a stream pipeline on Kafka')
  .version(VERSION)
  .showHelpAfterError('(weir --help shows what there is)')
  // An option behind a command is that command's, also where the one above it has one of the same name.
  .enablePositionalOptions()
  .addCommand(upCommand())
  .addCommand(serveCommand())
  .addCommand(setupCommand())
  .addCommand(huntCommand())
  .addCommand(incidentsCommand())
  .addCommand(containersCommand())
  .addCommand(respondCommand())
  .addCommand(dlqCommand())
  .addCommand(rulesCommand())
  .addCommand(configCommand())

// `weir … | head` closes the pipe: that is the end, not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

try {
  await program.parseAsync()
} catch (error) {
  console.error(`weir: ${error instanceof WeirError ? String(error) : messageOf(error)}`)
  if (!(error instanceof WeirError)) console.error(error)
  process.exitCode = 1
}
