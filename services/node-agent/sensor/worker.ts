/** The thread that reads the kernel: see reader.ts. */
import { parentPort, workerData } from 'node:worker_threads'
import { messageOf, WeirError } from '../../core/errors.ts'
import { boundBuffers, collectGarbage } from './garbage.ts'
import { openKernelSide } from './kernel-side.ts'
import { bootOffsetMicros, trimMemory } from './libbpf.ts'
import type { FromReader, ReaderSettings, ToReader } from './messages.ts'
import { createObserver } from './observer.ts'
import { processIds, readProcess } from './proc.ts'
import { releaseProgramPages } from './program-pages.ts'
import { createReader } from './reader.ts'

const BUFFERS_MAX_BYTES = 2 * 1024 * 1024
const port = parentPort
if (port === null) throw new TypeError('this is started as a worker thread')
const settings = workerData as ReaderSettings
const tell = (message: FromReader, transfer: readonly ArrayBuffer[] = []) => port.postMessage(message, [...transfer])

try {
  const kernel = openKernelSide(settings)
  const observer = createObserver({ ...settings, readProcess: (pid) => readProcess(pid), now_ms: Date.now })
  observer.setOffset(bootOffsetMicros())
  // Attached first: whatever starts from here on is told by the kernel, and what runs already is found.
  observer.seed(processIds())
  const reader = createReader({
    settings,
    kernel,
    observer,
    offset_us: bootOffsetMicros,
    now_ms: Date.now,
    tell
  })
  port.on('message', (message: ToReader) => {
    reader.hear(message)
    if (message.type !== 'tell') return
    trimMemory()
    releaseProgramPages()
  })
  collectGarbage()
  boundBuffers(BUFFERS_MAX_BYTES)
  tell({ type: 'started' })
  await reader.run()
  kernel.close()
  tell({ type: 'stopped' })
} catch (error) {
  tell({ type: 'failed', code: error instanceof WeirError ? error.code : 'SENSOR_STOPPED', message: messageOf(error) })
}
port.close()
