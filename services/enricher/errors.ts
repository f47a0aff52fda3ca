import type { ErrorList } from '../core/errors.ts'

export const ENRICH_ERRORS = {
  ENRICH_FAILED: {
    description: 'An event could be decoded but not enriched or matched: a defect of Weir, worth reporting.',
    retriable: false
  },
  EVENTS_MISSING: {
    description: 'Events that an agent has numbered and published never came: the reason of the event `gap`.',
    retriable: false
  }
} as const satisfies ErrorList<string>
