import { spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import { weirHome } from '../../infra/settings.ts'
import { messageOf } from '../../services/core/errors.ts'
import { BINARY_VARIABLE, clusterBinary, isBinaryReady, prepareBuild } from './binary.ts'
import { startCluster, stopCluster } from './cluster.ts'
import { missingForCluster } from './requirements.ts'

const HELP = `A real Kubernetes of one node on this machine, for tests. Needs Linux and root; everything is taken back by \`down\`.

  test/cluster/run up              start it: 20 s, after the program was built once
  test/cluster/run kubectl ARGS…   kubectl as its admin
  test/cluster/run down            stop it
  test/cluster/run check           say what is missing on this machine
  test/cluster/run build           build the program now: 9 minutes
  test/cluster/run fetch           only fetch the sources for that

  CLUSTER_DIR                      where it lives (default .weir/cluster)
  ${BINARY_VARIABLE}              a built program, or one packed with xz, in place of building one
  AUDIT_WEBHOOK, AUDIT_WEBHOOK_CA  where the API server sends its audit events, and the file of the CA
`

const folder = resolve(process.env['CLUSTER_DIR'] ?? join(weirHome(), 'cluster'))
const say = (text: string) => console.error(text)
const [command, ...args] = process.argv.slice(2)

async function main(): Promise<void> {
  switch (command) {
    case 'up': {
      const url = process.env['AUDIT_WEBHOOK']
      const ca_file = process.env['AUDIT_WEBHOOK_CA']
      const audit_webhook = url === undefined ? undefined : { url, ...(ca_file !== undefined && { ca_file }) }
      const cluster = await startCluster(folder, { audit_webhook, say })
      console.log(`KUBECONFIG=${cluster.kubeconfig}`)
      break
    }
    case 'down':
      await stopCluster(folder)
      break
    case 'kubectl':
      process.exitCode =
        spawnSync(join(folder, 'bin/kubectl'), ['--kubeconfig', join(folder, 'admin.kubeconfig'), ...args], {
          stdio: 'inherit'
        }).status ?? 1
      break
    case 'check': {
      const problems = missingForCluster(isBinaryReady())
      for (const problem of problems) console.log(`- ${problem}`)
      if (problems.length === 0) console.log('nothing is missing')
      process.exitCode = problems.length === 0 ? 0 : 1
      break
    }
    case 'build':
      console.log(clusterBinary(say))
      break
    case 'fetch':
      console.log(prepareBuild(say))
      break
    default:
      process.stdout.write(HELP)
      process.exitCode = command === undefined || command === 'help' || command === '--help' ? 0 : 2
  }
}

await main().catch((error: unknown) => {
  console.error(messageOf(error))
  process.exitCode = 1
})
