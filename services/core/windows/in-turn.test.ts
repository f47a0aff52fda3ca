import { describe, expect, it } from 'vitest'
import { signalOf } from '../../../test/support/signals.ts'
import { inTurn } from './in-turn.ts'

const at = (id: string, minute: number) => signalOf({ id, minute })
const order = (signals: ReturnType<typeof inTurn>) => signals.map(({ id }) => id).join(' ')

describe('results of correlations among the signals of a batch', () => {
  it.each([
    [
      'a result of before a long silence comes before the signal that ends it',
      [at('late', 1), at('new', 20_000)],
      [at('r', 0)],
      'r late new'
    ],
    ['signals keep their order of arrival', [at('b', 5), at('a', 1), at('c', 9)], [at('r', 6)], 'b a r c'],
    ['a result at the time of a signal comes after it', [at('a', 5)], [at('r', 5)], 'a r'],
    ['results come by time', [at('a', 5)], [at('s', 9), at('r', 7)], 'a r s'],
    ['without results nothing changes', [at('b', 5), at('a', 1)], [], 'b a']
  ] as const)('%s', (_, signals, results, expected) => {
    expect(order(inTurn(signals, results))).toBe(expected)
  })
})
