import { describe, expect, it } from 'vitest'
import { RULES, ruleFiles, ruleTests } from '../../../../test/rules/rule-tests.ts'
import { cloudEvent } from '../../../cli/rule-tests/test-events.ts'
import { eventOf } from '../../../cli/rule-tests/test-file.ts'
import { readRuleFolder } from '../../../platform/rule-files.ts'
import { loadRuleSet } from '../load-rule-set.ts'
import { planByClass } from '../plan.ts'
import { cloudIdentityKind } from './cloud.ts'

const session = (name: string, provider: string | null) => ({
  type: 'AssumedRole',
  principalId: `AROAEXAMPLEROLE000001:${name}`,
  sessionContext: provider === null ? {} : { webIdFederationData: { federatedProvider: provider } }
})
const OIDC = 'arn:aws:iam::111122223333:oidc-provider/'

describe('who asks a cloud', () => {
  it.each([
    ['workload', session('botocore-session-1', `${OIDC}oidc.eks.eu-central-1.amazonaws.com/id/5C0F`)],
    ['workload', session('x', `${OIDC}oidc.eks.cn-north-1.amazonaws.com.cn/id/5C0F`)],
    ['workload', session('eks-production-web-1b2c', null)],
    ['workload', { type: 'WebIdentityUser', userName: 'system:serviceaccount:shop:web' }],
    ['federated', { type: 'WebIdentityUser', userName: 'repo:example/shop' }],
    ['federated', session('GitHubActions', `${OIDC}token.actions.githubusercontent.com`)],
    ['federated', session('x', `${OIDC}oidc.eks.evil.example/id/5C0F`)],
    ['node', session('i-0abcdef0123456789', null)],
    ['role', session('i-am-not-a-node', null)],
    ['role', session('deployer', null)],
    ['user', { type: 'IAMUser', userName: 'alice' }],
    ['root', { type: 'Root' }],
    ['service', { type: 'AWSService', invokedBy: 'pods.eks.amazonaws.com' }],
    ['service', { invokedBy: 'AWS Internal' }],
    ['other', {}]
  ])('is a %s by how its credentials came about', (kind, userIdentity) => {
    const { cloud } = cloudEvent({ userIdentity })
    expect(cloud === null ? null : cloudIdentityKind(cloud)).toBe(kind)
  })
})

it('the plan finds for events of a cloud what testing every rule finds', async () => {
  const files = await readRuleFolder(RULES)
  const [planned, plain] = [loadRuleSet(files), loadRuleSet(files, { plan: planByClass })]
  const events = ruleFiles()
    .filter((path) => path.startsWith('cloud/'))
    .flatMap((path) => ruleTests(path).cases.map(eventOf))
  let matches = 0
  for (const event of events) {
    const found = planned.rules.match(event).map(({ rule }) => rule.id)
    expect(found).toEqual(plain.rules.match(event).map(({ rule }) => rule.id))
    matches += found.length
  }
  expect(matches).toBeGreaterThan(20)
})

it('rules with the field names of CloudTrail, as they are published, work as they are', async () => {
  const map = (await readRuleFolder(RULES)).filter(({ file }) => file.endsWith('fields.yml'))
  const rule = (detection: string) => `
title: Something in the cloud
id: 7d7c5a7e-0000-4000-8000-00000c10ad99
status: test
logsource: { product: aws, service: cloudtrail }
detection:
${detection}
  condition: selection
level: low
`
  const matches = (detection: string) => {
    const { rules, errors } = loadRuleSet([...map, { file: 'x.yml', text: rule(detection) }])
    expect(errors).toEqual([])
    const event = cloudEvent({
      eventSource: 'signin.amazonaws.com',
      eventName: 'ConsoleLogin',
      userAgent: 'Mozilla/5.0',
      additionalEventData: { MFAUsed: 'No' },
      requestParameters: { attribute: 'userData', tags: [{ key: 'a', value: 'b' }] },
      responseElements: { ConsoleLogin: 'Success' },
      userIdentity: {
        type: 'IAMUser',
        arn: 'arn:aws:iam::1:user/alice',
        sessionContext: { sessionIssuer: { type: 'Role' } }
      }
    })
    return rules.match(event).length
  }
  expect(
    matches(
      "  selection: { eventSource: signin.amazonaws.com, eventName: ConsoleLogin, additionalEventData.MFAUsed: 'NO', userAgent|startswith: mozilla }"
    )
  ).toBe(1)
  expect(
    matches(
      '  selection: { requestParameters.attribute: userData, responseElements.ConsoleLogin: Success, userIdentity.sessionContext.sessionIssuer.type: Role }'
    )
  ).toBe(1)
  expect(
    matches("  selection: { userIdentity.arn|contains: ':user/', requestParameters.tags.key: a, errorCode: null }")
  ).toBe(1)
  expect(matches("  selection: ['*Success*']")).toBe(1)
  expect(matches('  selection: { responseElements.ConsoleLogin: Failure }')).toBe(0)
})
