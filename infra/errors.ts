import type { ErrorList } from '../services/core/errors.ts'

/** What can go wrong while the servers are chosen, fetched, started, restarted and stopped. */
export const SERVER_ERRORS = {
  SERVER_SETTING_INVALID: {
    description: 'A value of .env or its environment variable cannot be used',
    retriable: false
  },
  SERVER_CHOICE_IMPOSSIBLE: { description: 'The kind of servers that was asked for cannot run here', retriable: false },
  SERVER_TOOL_MISSING: { description: 'A program that a server needs is not installed', retriable: false },
  SERVER_DOWNLOAD_FAILED: {
    description: 'A package could not be fetched or is not what was expected',
    retriable: true
  },
  SERVER_PORT_TAKEN: { description: 'A port that was asked for is in use', retriable: true },
  SERVER_DATA_IN_USE: { description: 'Another process runs servers on the same data', retriable: true },
  SERVER_DATA_UNUSABLE: {
    description: 'The data folder is not one of ours, or a server cannot read it',
    retriable: false
  },
  SERVER_START_FAILED: { description: 'A server ended or did not become ready in time', retriable: true },
  SERVER_ABORTED: { description: 'The start was given up because it was asked to stop', retriable: false },
  SERVER_UNKNOWN: { description: 'A server was named that does not run', retriable: false }
} as const satisfies ErrorList<string>
