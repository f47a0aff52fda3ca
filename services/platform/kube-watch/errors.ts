import type { ErrorList } from '../../core/errors.ts'

export const KUBE_WATCH_ERRORS = {
  KUBE_CONFIG_INVALID: {
    description: 'A kubeconfig, or the files of a service account, cannot be used to reach the Kubernetes API.',
    retriable: false
  },
  KUBE_UNAVAILABLE: { description: 'The Kubernetes API does not answer, or says that it cannot now.', retriable: true },
  KUBE_FORBIDDEN: {
    description: 'The Kubernetes API does not let us read a resource: a credential or a rule of RBAC is missing.',
    retriable: true
  },
  KUBE_NOT_SERVED: { description: 'The Kubernetes API has no such resource.', retriable: true },
  KUBE_GONE: {
    description: 'The Kubernetes API no longer has the history that a watch wanted to go on from; it is listed anew.',
    retriable: true
  },
  KUBE_BAD_ANSWER: { description: 'The Kubernetes API gave an answer that is none of its own.', retriable: true }
} as const satisfies ErrorList<string>
