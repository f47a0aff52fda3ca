import type { ErrorList } from '../../core/errors.ts'

export const UP_ERRORS = {
  UP_SERVICE_NOT_READY: { description: 'A service did not become ready in time.', retriable: true },
  UP_REPLAY_UNFINISHED: {
    description: 'The replay was sent, but did not go through the pipeline in time.',
    retriable: true
  },
  UP_WEBHOOK_REFUSES: { description: 'The audit webhook does not take the events of the replay.', retriable: true },
  UP_SERVER_DIED: { description: 'One of the servers ended by itself.', retriable: true }
} as const satisfies ErrorList<string>
