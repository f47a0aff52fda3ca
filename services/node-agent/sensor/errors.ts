import { type ErrorList, WeirError } from '../../core/errors.ts'

/** Why the built-in sensor cannot see, or no longer sees, and why it has lost events. */
export const SENSOR_ERRORS = {
  SENSOR_NOT_LINUX: { description: 'The built-in sensor runs on Linux, on x86-64 and arm64 only.', retriable: false },
  SENSOR_NO_BTF: { description: 'The kernel does not describe its types (CONFIG_DEBUG_INFO_BTF).', retriable: false },
  SENSOR_NOT_BUILT: { description: 'The compiled BPF program of the sensor is not there.', retriable: false },
  SENSOR_NO_LIBBPF: { description: 'libbpf.so.1 cannot be loaded.', retriable: false },
  SENSOR_NO_RIGHTS: { description: 'The process may not load BPF programs.', retriable: false },
  SENSOR_LOAD_FAILED: { description: 'The kernel does not take the BPF program of the sensor.', retriable: false },
  SENSOR_STOPPED: { description: 'The thread that reads the sensor has ended.', retriable: false },
  SENSOR_RING_FULL: { description: 'The kernel dropped events: a ring buffer was full.', retriable: false },
  SENSOR_SHED: {
    description: 'Events were given up, those that tell least first, since more waited for the spool than may.',
    retriable: false
  },
  SENSOR_UNREADABLE: { description: 'A record of the BPF program cannot be read: a defect of Weir.', retriable: false }
} as const satisfies ErrorList<string>

export type SensorErrorCode = keyof typeof SENSOR_ERRORS

/** An error of this area, to be thrown. */
export function sensorError(
  code: SensorErrorCode,
  message: string,
  options?: ErrorOptions
): WeirError<SensorErrorCode> {
  return new WeirError(SENSOR_ERRORS, code, message, options)
}
