import { expect, it } from 'vitest'
import type { Logger } from '../log.ts'
import { limitedLog } from './limited-log.ts'

it('a flood of refusals is one line per code and ten seconds, with the number left out', () => {
  const lines: unknown[] = []
  let time = 0
  const log = limitedLog({ warn: (fields: unknown) => lines.push(fields) } as unknown as Logger, () => time)
  for (let n = 0; n < 1000; n += 1) {
    log('A', {}, 'a')
    log('B', {}, 'b')
  }
  time = 10_000
  log('A', { client: 'x' }, 'a')
  expect(lines).toEqual([{ code: 'A' }, { code: 'B' }, { code: 'A', client: 'x', left_out: 999 }])
})
