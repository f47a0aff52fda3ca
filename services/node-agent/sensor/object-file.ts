import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { sensorError } from './errors.ts'

export const BTF_FILE = '/sys/kernel/btf/vmlinux'

/** Where `npm run build:sensor` puts the compiled program. */
export const BUILD_FOLDER = join(import.meta.dirname, '../../../.weir/sensor')

export type SensorArch = 'x64' | 'arm64'

/** @throws SENSOR_NOT_LINUX */
export function sensorArch(platform: string = process.platform, arch: string = process.arch): SensorArch {
  if (platform === 'linux' && (arch === 'x64' || arch === 'arm64')) return arch
  throw sensorError(
    'SENSOR_NOT_LINUX',
    `the built-in sensor needs Linux on x64 or arm64, this is ${platform} on ${arch}`
  )
}

export const objectName = (arch: SensorArch): string => `sensor-${arch}.bpf.o`

/**
 * The compiled program.
 * @param given path from the settings
 * @throws SENSOR_NOT_BUILT
 */
export function findObject(given: string | undefined, arch: SensorArch): string {
  const name = objectName(arch)
  // In the image it lies beside the source.
  const places = given === undefined ? [join(BUILD_FOLDER, name), join(import.meta.dirname, name)] : [given]
  const found = places.find((place) => existsSync(place))
  if (found === undefined) {
    throw sensorError(
      'SENSOR_NOT_BUILT',
      `the BPF program of the sensor is not at ${places.join(' or ')}: run \`npm run build:sensor\``
    )
  }
  return found
}

/** @throws SENSOR_NO_BTF */
export function requireBtf(file = BTF_FILE): void {
  if (!existsSync(file)) {
    throw sensorError(
      'SENSOR_NO_BTF',
      `${file} is not there: the sensor needs a kernel from 5.8 with CONFIG_DEBUG_INFO_BTF; use Tetragon or Falco here`
    )
  }
}
