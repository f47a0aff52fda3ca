import type { ErrorList } from '../../core/errors.ts'

export const KUBERNETES_ERRORS = {
  KUBERNETES_CONFIG: {
    description: 'It is not known how to reach the Kubernetes API: no kubeconfig, or no account in a pod.',
    retriable: false
  },
  KUBERNETES_UNREACHABLE: {
    description: 'The Kubernetes API did not answer, or not in time; whether a change was made is not known.',
    retriable: true
  },
  KUBERNETES_ANSWER_TOO_LARGE: {
    description: 'An answer of the Kubernetes API is larger than Weir takes.',
    retriable: false
  }
} as const satisfies ErrorList<string>
