import type { World } from './api.ts'
import type { Process } from './processes.ts'
import { connect, end, run, start } from './runtime.ts'
import { MS_US, SECOND_US } from './timeline.ts'

/** Address of the package mirror, out of a documentation range. */
const MIRROR_IP = '198.51.100.30'

/** `apt-get update` and `apt-get install`, with the programs apt and dpkg start. */
export interface AptInstall {
  readonly packages: readonly string[]
  /** How long the download takes, microseconds. */
  readonly download_us: number
}

function update(world: World, parent: Process, at_us: number): number {
  const apt = start(world, parent, at_us, { binary: '/usr/bin/apt-get', args: ['update', '-qq'] })
  run(world, apt, at_us + 20 * MS_US, { binary: '/usr/bin/dpkg', args: ['--print-foreign-architectures'] })
  const method = start(world, apt, at_us + 60 * MS_US, { binary: '/usr/lib/apt/methods/http', uid: 42 })
  connect(world, method, at_us + 75 * MS_US, MIRROR_IP, 80)
  const verify = start(world, apt, at_us + 900 * MS_US, { binary: '/usr/lib/apt/methods/gpgv', uid: 42 })
  run(world, verify, at_us + 930 * MS_US, {
    binary: '/usr/bin/gpgv',
    args: ['--homedir', '/tmp/apt.gpg', '--status-fd', '3']
  })
  const ended_us = at_us + 3 * SECOND_US
  for (const process of [verify, method, apt]) end(world, process, ended_us)
  return ended_us
}

function unpack(world: World, dpkg: Process, at_us: number, name: string): void {
  const archive = `/var/cache/apt/archives/${name}.deb`
  run(world, dpkg, at_us, { binary: '/usr/bin/dpkg-split', args: ['-Qao', 'quiet', archive] })
  const control = start(world, dpkg, at_us + 4 * MS_US, {
    binary: '/usr/bin/dpkg-deb',
    args: ['--control', archive, '/var/lib/dpkg/tmp.ci']
  })
  run(world, control, at_us + 7 * MS_US, { binary: '/usr/bin/tar', args: ['-x', '-f', '-', '--warning=no-timestamp'] })
  end(world, control, at_us + 22 * MS_US)
  run(world, dpkg, at_us + 30 * MS_US, {
    binary: '/usr/bin/dpkg-deb',
    args: ['--fsys-tarfile', archive],
    lasts_us: 60 * MS_US
  })
  run(world, dpkg, at_us + 110 * MS_US, { binary: '/usr/bin/rm', args: ['-rf', '--', '/var/lib/dpkg/tmp.ci'] })
}

/**
 * A process installs packages with apt.
 * @returns when it is done, microseconds since the epoch
 */
export function aptInstall(world: World, parent: Process, at_us: number, install: AptInstall): number {
  const begun_us = update(world, parent, at_us) + 40 * MS_US
  const apt = start(world, parent, begun_us, {
    binary: '/usr/bin/apt-get',
    args: ['install', '-y', '-qq', '--no-install-recommends', ...install.packages]
  })
  run(world, apt, begun_us + 25 * MS_US, { binary: '/usr/bin/dpkg', args: ['--print-foreign-architectures'] })
  const method = start(world, apt, begun_us + 200 * MS_US, { binary: '/usr/lib/apt/methods/http', uid: 42 })
  connect(world, method, begun_us + 215 * MS_US, MIRROR_IP, 80)
  const downloaded_us = begun_us + install.download_us
  end(world, method, downloaded_us)
  run(world, apt, downloaded_us + 5 * MS_US, {
    binary: '/usr/sbin/dpkg-preconfigure',
    args: ['/usr/sbin/dpkg-preconfigure', '--apt'],
    lasts_us: 90 * MS_US
  })
  const dpkg = start(world, apt, downloaded_us + 200 * MS_US, {
    binary: '/usr/bin/dpkg',
    args: [
      '--status-fd',
      '21',
      '--no-triggers',
      '--unpack',
      '--auto-deconfigure',
      '--recursive',
      '/tmp/apt-dpkg-install'
    ]
  })
  for (const [place, name] of install.packages.entries())
    unpack(world, dpkg, downloaded_us + (300 + place * 400) * MS_US, name)
  const unpacked_us = downloaded_us + (400 + install.packages.length * 400) * MS_US
  end(world, dpkg, unpacked_us)
  const configure = start(world, apt, unpacked_us + 10 * MS_US, {
    binary: '/usr/bin/dpkg',
    args: ['--status-fd', '21', '--configure', '--pending']
  })
  for (const [place, name] of install.packages.entries()) {
    const script = `/var/lib/dpkg/info/${name}.postinst`
    run(world, configure, unpacked_us + (40 + place * 150) * MS_US, {
      binary: script,
      args: [script, 'configure'],
      lasts_us: 70 * MS_US
    })
  }
  const configured_us = unpacked_us + (200 + install.packages.length * 150) * MS_US
  end(world, configure, configured_us)
  const done_us = configured_us + 120 * MS_US
  end(world, apt, done_us)
  return done_us
}
