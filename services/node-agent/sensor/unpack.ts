import type { RuntimeEvent } from '../../../schemas/generated/types.ts'
import { typeOf } from '../../core/avro/schema-types.ts'
import { bareIds, eachEvent, eventBytes, placeBytes, writeEvent } from './batch.ts'

/**
 * The events of a batch, decoded. Apart from batch.ts, so that the sensor's thread does not load what decodes.
 * @param container id of the container that all are of, null for the host
 * @throws RangeError when the bytes are no batch
 */
export function eventsOf(bytes: Buffer, container: string | null, pod_uid: string | null): RuntimeEvent[] {
  const type = typeOf('runtime-event')
  const ids = bareIds(container, pod_uid)
  const place = placeBytes(ids.container, ids.pod)
  const events: RuntimeEvent[] = []
  eachEvent(bytes, (pieces) => {
    const whole = Buffer.alloc(eventBytes(pieces, place))
    const end = writeEvent(bytes, pieces, place, whole, 0)
    events.push(type.fromBuffer(whole.subarray(0, end)) as RuntimeEvent)
  })
  return events
}
