import { type ErrorList, WeirError } from '../core/errors.ts'

/** Why a plan is not carried out, or not to its end. They stand in the `reason` of actions. */
export const RESPONDER_ERRORS = {
  RESPOND_PLAN_FORGED: {
    description: 'What was approved is not what its id says: steps were changed after the plan was made.',
    retriable: false
  },
  RESPOND_APPROVAL_FORGED: {
    description: 'An approval is unsigned, signed with a key that is not in the settings, or for something else.',
    retriable: false
  },
  RESPOND_APPROVAL_OLD: {
    description: 'An approval is older than `responder.approval_valid_ms`, or from the future.',
    retriable: false
  },
  RESPOND_COMMAND_FORGED: {
    description: 'A command to the agent of a node that the responder did not sign.',
    retriable: false
  },
  RESPOND_OTHER_CLUSTER: { description: 'A plan is for another cluster than the responder acts in.', retriable: false },
  RESPOND_MODE: { description: '`responder.mode` does not let plans be carried out.', retriable: false },
  RESPOND_STOPPED: { description: 'The kill switch is on, or cannot be read: nothing is done.', retriable: false },
  RESPOND_LIMIT: { description: 'A plan would go beyond a limit of the settings.', retriable: false },
  RESPOND_PROTECTED: { description: 'A request would touch what is protected.', retriable: false },
  RESPOND_CLUSTER_CHANGED: {
    description: 'The cluster is no longer as it was when the plan was made: it has to be planned again.',
    retriable: false
  },
  RESPOND_NO_SLOT: { description: 'As many plans as may have permissions at a time have them.', retriable: false },
  RESPOND_PERMISSION: { description: 'The permissions of a plan could not be had.', retriable: false },
  RESPOND_STEP_FAILED: { description: 'Steps of a plan failed; its results say which and why.', retriable: false },
  RESPOND_LOOP: {
    description:
      'What was stopped came back as often as the responder answers by itself: people have to stop who brings it back.',
    retriable: false
  },
  RESPOND_NOT_DONE: { description: 'A plan that is to be taken back was never carried out.', retriable: false },
  RESPOND_LEDGER: { description: 'The ledger of what was begun and done cannot be read or written.', retriable: true },
  RESPOND_KEY: { description: 'A key to sign or check approvals with cannot be read.', retriable: false },
  RESPOND_NO_PLAN: { description: 'There is no plan with this id.', retriable: false }
} as const satisfies ErrorList<string>

export type ResponderErrorCode = keyof typeof RESPONDER_ERRORS

/** What is not done, and why. */
export const refuse = (code: ResponderErrorCode, message: string): WeirError =>
  new WeirError(RESPONDER_ERRORS, code, message)
