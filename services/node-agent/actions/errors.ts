import type { ErrorList } from '../../core/errors.ts'

/** Why the agent does not do what it is asked for, in metrics. What it could not do, its answers say. */
export const AGENT_ACTION_ERRORS = {
  AGENT_COMMAND_FORGED: {
    description: 'A command to the agent that the responder did not sign: an attack on Weir. It is not done.',
    retriable: false
  }
} as const satisfies ErrorList<string>

export type AgentActionErrorCode = keyof typeof AGENT_ACTION_ERRORS
