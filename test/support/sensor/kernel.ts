import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { BTF_FILE } from '../../../services/node-agent/sensor/object-file.ts'
import { cgroupVersion } from '../../../services/node-agent/sensor/start.ts'

/** Why the built-in sensor cannot see the real kernel from here; null when it can. */
export function sensorObstacle(): string | null {
  if (process.platform !== 'linux') return 'this is not Linux'
  if (process.getuid?.() !== 0) return 'loading BPF programs needs root'
  if (!existsSync(BTF_FILE)) return `${BTF_FILE} is not there`
  if (spawnSync('clang', ['--version']).error !== undefined) return 'clang is not installed'
  return null
}

/** Where control groups are made: the hierarchy that the sensor goes by. */
export function cgroupRoot(): string {
  const { version_1 } = cgroupVersion(readFileSync('/proc/self/cgroup', 'utf8'))
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const [left = '', right = ''] = line.split(' - ')
    const [type, , options = ''] = right.split(' ')
    if (version_1 ? type === 'cgroup' && options.split(',').includes('memory') : type === 'cgroup2') {
      return left.split(' ')[4] ?? ''
    }
  }
  throw new Error('no control groups are mounted')
}
