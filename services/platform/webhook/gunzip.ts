import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { WeirError } from '../../core/errors.ts'
import { WEBHOOK_ERRORS } from './errors.ts'

const unzip = promisify(gunzip)

/** Unpacks gzip within a bound. @throws WEBHOOK_BODY_TOO_LARGE, WEBHOOK_BODY_TRUNCATED */
export async function gunzipWithin(bytes: Buffer, maxBytes: number): Promise<Buffer> {
  try {
    return await unzip(bytes, { maxOutputLength: maxBytes })
  } catch (error) {
    const cause = { cause: error }
    const { code } = error as NodeJS.ErrnoException
    throw code === 'ERR_BUFFER_TOO_LARGE'
      ? new WeirError(
          WEBHOOK_ERRORS,
          'WEBHOOK_BODY_TOO_LARGE',
          `the body is larger than ${maxBytes} bytes when unpacked`,
          cause
        )
      : new WeirError(WEBHOOK_ERRORS, 'WEBHOOK_BODY_TRUNCATED', 'the body is not whole gzip data', cause)
  }
}
