import { Command } from 'commander'
import { messageOf, WeirError } from '../core/errors.ts'
import { VERSION } from '../platform/version.ts'

/** Loaded when asked for: no command needs what the others do, and some run on every node. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  up: async () => (await import('./commands/up.ts')).upCommand(),
  serve: async () => (await import('./commands/serve.ts')).serveCommand(),
  setup: async () => (await import('./commands/setup.ts')).setupCommand(),
  hunt: async () => (await import('./commands/hunt.ts')).huntCommand(),
  incidents: async () => (await import('./commands/incidents.ts')).incidentsCommand(),
  containers: async () => (await import('./commands/containers.ts')).containersCommand(),
  respond: async () => (await import('./commands/respond.ts')).respondCommand(),
  dlq: async () => (await import('./commands/dlq.ts')).dlqCommand(),
  profiles: async () => (await import('./commands/profiles.ts')).profilesCommand(),
  rules: async () => (await import('./commands/rules.ts')).rulesCommand(),
  config: async () => (await import('./commands/config.ts')).configCommand()
}

const program = new Command('weir')
  .description('Kubernetes detection and response as a stream pipeline on Kafka')
  .version(VERSION)
  .showHelpAfterError('(weir --help shows what there is)')
  // An option behind a command is that command's, also where the one above it has one of the same name.
  .enablePositionalOptions()

const wanted = process.argv[2] ?? ''
const names = Object.hasOwn(COMMANDS, wanted) ? [wanted] : Object.keys(COMMANDS)
for (const name of names) {
  const command = await COMMANDS[name]?.()
  if (command !== undefined) program.addCommand(command)
}

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
