import { describe, expect, it } from 'vitest'
import { plainProgress } from '../../infra/progress.ts'

function shown(isTTY: boolean) {
  const written: string[] = []
  let time_ms = 0
  const stream = { isTTY, columns: 40, write: (more: string) => written.push(more) }
  const progress = plainProgress(stream, () => time_ms)
  const pass = (ms: number) => {
    time_ms += ms
  }
  return { progress, text: () => written.join(''), pass }
}

describe('plainProgress', () => {
  it('writes lines without control characters where there is no terminal', () => {
    const { progress, text, pass } = shown(false)
    progress.started('kafka', 'Kafka 4.3.1')
    pass(6_000)
    progress.downloading('kafka', 12_400_000, 46_000_000)
    pass(100)
    progress.downloading('kafka', 13_000_000, 46_000_000)
    progress.ready('kafka', 'Kafka 4.3.1 at 127.0.0.1:9092', 6_140)
    progress.failed('redis', 'Redis did not start')
    progress.note('that is all')
    expect(text()).toBe(
      '  … kafka: Kafka 4.3.1\n' +
        '  … kafka: 12 of 46 MB\n' +
        '  ✓ kafka: Kafka 4.3.1 at 127.0.0.1:9092 (6.1 s)\n' +
        '  ✗ redis: Redis did not start\n' +
        '  that is all\n'
    )
  })

  it('mentions a download every five seconds at most where there is no terminal', () => {
    const { progress, text, pass } = shown(false)
    progress.started('registry', 'Apicurio')
    for (let tick = 0; tick < 100; tick++) {
      pass(300)
      progress.downloading('registry', tick * 1_000_000, null)
    }
    expect(text().split('\n').length).toBeLessThanOrEqual(2 + 30 / 5)
  })

  it('keeps the last line of a terminal current and within its width', () => {
    const { progress, text, pass } = shown(true)
    progress.started('kafka', 'Kafka')
    progress.started('opensearch', 'OpenSearch')
    progress.started('registry', 'Apicurio')
    pass(1_000)
    progress.downloading('opensearch', 45_000_000, 162_000_000)
    const last = text().split('\r\x1b[K').at(-1) ?? ''
    expect(last).toContain('kafka 1.0 s · opensearch 45 of 162 MB')
    expect(last.length).toBeLessThan(40)
    progress.end()
    expect(text().endsWith('\r\x1b[K')).toBe(true)
  })

  it('shows nothing for a step that is over', () => {
    const { progress, text, pass } = shown(true)
    progress.started('kafka', 'Kafka')
    progress.ready('kafka', 'Kafka', 10)
    pass(10_000)
    const before = text()
    progress.downloading('kafka', 1, 2)
    expect(text()).toBe(before)
    progress.end()
  })
})
