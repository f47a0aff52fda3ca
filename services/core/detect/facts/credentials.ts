import { isObject, property } from '../../json.ts'

/** Keys of a ConfigMap that are looked at, and characters of each value. */
const MAX_KEYS = 500
const MAX_VALUE_CHARACTERS = 65_536

/**
 * Credentials by what they look like. Sources: AWS IAM identifiers (unique prefixes), RFC 7468 (private keys), RFC 7519 (tokens),
 * GitHub's and Slack's documentation of token formats, Google Cloud (service-account keys).
 */
const PATTERNS: readonly (readonly [kind: string, pattern: RegExp])[] = [
  ['aws_access_key', /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/],
  ['private_key', /-----BEGIN (?:RSA |EC |DSA |OPENSSH |ENCRYPTED )?PRIVATE KEY-----/],
  ['json_web_token', /\beyJ[A-Za-z0-9_-]{10,500}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{10,1000}/],
  ['github_token', /\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60,90})\b/],
  ['slack_token', /\bxox[abprs]-[A-Za-z0-9-]{10,72}/],
  ['google_service_account_key', /"type"\s{0,4}:\s{0,4}"service_account"/],
  ['url_with_password', /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s:@/]{1,64}:[^\s:@/]{3,64}@/i]
]

/** Keys that name a secret; a value under them counts when it is long and mixed enough not to be a word or a placeholder. */
const SECRET_KEY = /(?:passw(?:or)?d|secret|token|api[_-]?key|access[_-]?key)$/i
const PLACEHOLDER = /^(?:changeme|example|placeholder|none|null|true|false|\$\{?.{0,64}\}?|<.{0,64}>)$/i

function looksSecret(value: string): boolean {
  if (value.length < 12 || value.length > 512 || /\s/.test(value) || PLACEHOLDER.test(value)) return false
  const classes = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z0-9]/].filter((one) => one.test(value)).length
  return classes >= 3
}

export interface CredentialFact {
  readonly key: string
  readonly kind: string
}

/** Credentials in the data of a ConfigMap: the key each is under and what kind it is, never its value. */
export function credentialsIn(configMap: unknown): readonly CredentialFact[] {
  const data = property(configMap, 'data')
  if (!isObject(data)) return []
  const found: CredentialFact[] = []
  for (const [key, value] of Object.entries(data).slice(0, MAX_KEYS)) {
    if (typeof value !== 'string') continue
    const text = value.slice(0, MAX_VALUE_CHARACTERS)
    const kind = PATTERNS.find(([, pattern]) => pattern.test(text))?.[0]
    if (kind !== undefined) found.push({ key, kind })
    else if (SECRET_KEY.test(key) && looksSecret(text)) found.push({ key, kind: 'value_of_secret_key' })
  }
  return found
}
