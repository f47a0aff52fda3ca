import type { ErrorList } from '../../core/errors.ts'

/** What can go wrong with OpenSearch, or with a document for it. Stable: dead letters route on these. */
export const OPENSEARCH_ERRORS = {
  OPENSEARCH_DOCUMENT_REFUSED: { description: 'OpenSearch does not take the document.', retriable: false },
  OPENSEARCH_DOCUMENT_TOO_LARGE: { description: 'The document is larger than a request may be.', retriable: false },
  OPENSEARCH_UNAVAILABLE: {
    description: 'OpenSearch does not answer, or answers what it should not.',
    retriable: true
  },
  OPENSEARCH_FORBIDDEN: { description: 'OpenSearch does not know or does not allow us.', retriable: false },
  OPENSEARCH_ABORTED: {
    description: 'Writing was given up because the service stops or lost the partition.',
    retriable: true
  },
  OPENSEARCH_NOT_SET_UP: { description: 'The templates of Weir are not there.', retriable: false },
  OPENSEARCH_MAPPING_CONFLICT: {
    description: 'An index has a mapping that cannot become the one needed.',
    retriable: false
  },
  OPENSEARCH_DASHBOARDS_REFUSED: { description: 'Dashboards did not import the saved objects.', retriable: false },
  OPENSEARCH_INCIDENT_NOT_FOUND: { description: 'No incident has this id.', retriable: false },
  OPENSEARCH_INCIDENT_AMBIGUOUS: { description: 'Several incidents have ids that start like this.', retriable: false }
} as const satisfies ErrorList<string>
