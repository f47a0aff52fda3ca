import { arrayAt, stringAt } from '../../json.ts'
import { type UrlFact, urlsIn } from './address.ts'

const MAX_WEBHOOKS = 256

/**
 * Where the API server is told to ask by URL instead of by the name of a service: the webhooks of an admission configuration, and the
 * conversion webhook of a custom resource definition. One entry for each URL.
 */
export function webhookUrls(object: unknown): readonly UrlFact[] {
  const urls = [
    ...arrayAt(object, 'webhooks')
      .slice(0, MAX_WEBHOOKS)
      .map((webhook) => stringAt(webhook, 'clientConfig', 'url')),
    stringAt(object, 'spec', 'conversion', 'webhook', 'clientConfig', 'url')
  ]
  return urls.flatMap((url) => urlsIn(url).slice(0, 1))
}
