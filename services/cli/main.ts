import { Command } from 'commander'
import { messageOf, WeirError } from '../core/errors.ts'
import { VERSION } from '../platform/version.ts'
import { huntCommand } from './commands/hunt.ts'

const program = new Command('weir')
  .description('Kubernetes detection and response as a stream pipeline on Kafka')
  .version(VERSION)
  .showHelpAfterError('(weir --help shows what there is)')
  .addCommand(huntCommand())

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
