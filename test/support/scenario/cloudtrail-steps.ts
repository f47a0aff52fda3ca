/**
 * Step 11 of ScarletEEL 2.0, which only the trail of the cloud account shows, as records of CloudTrail: the keys of the notebook's
 * role are used from the attacker's address, first to look around and then to get users, secrets and instances. Told in Sysdig's public
 * account of the attack (2023-07-11); order, pace and the way over the service account's token are made up.
 */

export interface TrailOptions {
  /** namespace/name of the service account whose role is used. */
  readonly service_account: string
  /** When the role is taken, milliseconds since the epoch. */
  readonly start_ms: number
  /** Tells the keys, sessions and records of one run from those of another. */
  readonly run: string
  readonly address?: string
  /** The user of the account whose keys are made and used, and the user that is made. */
  readonly user?: string
  readonly made?: string
}

const ACCOUNT = '111122223333'
const REGION = 'eu-central-1'
const ISSUER = `oidc.eks.${REGION}.amazonaws.com/id/5CA21E7EE15CA21E7EE15CA21E7EE100`
const PROVIDER = `arn:aws:iam::${ACCOUNT}:oidc-provider/${ISSUER}`
/** As published; historical. */
const ATTACKER = '175.102.182.6'
const CLIENT = 'aws-cli/2.31.0 md/awscrt#0.27.6 ua/2.1 os/linux#6.8.0 md/arch#x86_64 lang/python#3.13.7'
const PACU = 'Boto3/1.40.1 Python/3.13.2 Linux/6.8.0 Botocore/1.40.1 pacu/1.6.0'

/** What is asked for with a stolen key to find out what it is good for; all of it is refused. */
const PROBES = [
  ['ec2', 'DescribeInstances'],
  ['ec2', 'DescribeVpcs'],
  ['ec2', 'DescribeSnapshots'],
  ['lambda', 'ListFunctions20150331'],
  ['rds', 'DescribeDBInstances'],
  ['iam', 'ListUsers'],
  ['iam', 'ListRoles'],
  ['iam', 'GetAccountAuthorizationDetails'],
  ['s3', 'ListBuckets'],
  ['ecs', 'ListClusters'],
  ['dynamodb', 'ListTables'],
  ['ssm', 'DescribeParameters']
] as const

interface Step {
  readonly after_s: number
  readonly service: string
  readonly name: string
  readonly by: 'token' | 'session' | 'key'
  readonly more?: Readonly<Record<string, unknown>>
}

/** @returns records of CloudTrail in order of time, as parsed JSON */
export function cloudTrailSteps({
  service_account,
  start_ms,
  run,
  address = ATTACKER,
  user = 'AdminJoe',
  made = 'aws_support'
}: TrailOptions): Record<string, unknown>[] {
  const [namespace = '', name = ''] = service_account.split('/')
  const role = `arn:aws:iam::${ACCOUNT}:role/${namespace}-${name}`
  const session = `botocore-session-${Math.floor(start_ms / 1000)}`
  const sessionKey = `ASIAEXAMPLE${run}SESSION`.toUpperCase()
  const userKey = `AKIAEXAMPLE${run}USERKEY`.toUpperCase()
  const subject = `system:serviceaccount:${namespace}:${name}`
  const arn = `arn:aws:sts::${ACCOUNT}:assumed-role/${namespace}-${name}/${session}`
  const identities = {
    token: {
      type: 'WebIdentityUser',
      principalId: `${PROVIDER}:sts.amazonaws.com:${subject}`,
      userName: subject,
      identityProvider: PROVIDER
    },
    session: {
      type: 'AssumedRole',
      principalId: `AROAEXAMPLE${run}ROLE:${session}`.toUpperCase(),
      arn,
      accountId: ACCOUNT,
      accessKeyId: sessionKey,
      sessionContext: {
        sessionIssuer: {
          type: 'Role',
          principalId: `AROAEXAMPLE${run}ROLE`.toUpperCase(),
          arn: role,
          accountId: ACCOUNT,
          userName: `${namespace}-${name}`
        },
        webIdFederationData: { federatedProvider: PROVIDER, attributes: {} },
        attributes: { creationDate: new Date(start_ms).toISOString().replace('.000Z', 'Z'), mfaAuthenticated: 'false' }
      }
    },
    key: {
      type: 'IAMUser',
      principalId: `AIDAEXAMPLE${run}USER`.toUpperCase(),
      arn: `arn:aws:iam::${ACCOUNT}:user/${user}`,
      accountId: ACCOUNT,
      accessKeyId: userKey,
      userName: user
    }
  }
  const steps: Step[] = [
    {
      after_s: 0,
      service: 'sts',
      name: 'AssumeRoleWithWebIdentity',
      by: 'token',
      more: {
        requestParameters: { roleArn: role, roleSessionName: session },
        responseElements: {
          credentials: { accessKeyId: sessionKey, sessionToken: 'EXAMPLE', expiration: 'Nov 17, 2026, 7:47:10 AM' },
          subjectFromWebIdentityToken: subject,
          assumedRoleUser: { assumedRoleId: `AROAEXAMPLE${run}ROLE:${session}`.toUpperCase(), arn },
          provider: PROVIDER,
          audience: 'sts.amazonaws.com'
        }
      }
    },
    { after_s: 20, service: 'sts', name: 'GetCallerIdentity', by: 'session' },
    ...PROBES.map(
      ([service, operation], index): Step => ({
        after_s: 60 + index * 4,
        service,
        name: operation,
        by: 'session',
        more: {
          userAgent: PACU,
          errorCode: service === 'ec2' ? 'Client.UnauthorizedOperation' : 'AccessDenied',
          errorMessage: `User: ${arn} is not authorized to perform: ${service}:${operation}`
        }
      })
    ),
    {
      after_s: 300,
      service: 'iam',
      name: 'CreateAccessKey',
      by: 'session',
      more: {
        readOnly: false,
        requestParameters: { userName: user },
        responseElements: { accessKey: { userName: user, accessKeyId: userKey, status: 'Active' } }
      }
    },
    { after_s: 420, service: 'secretsmanager', name: 'ListSecrets', by: 'session' },
    ...Array.from(
      { length: 10 },
      (_, index): Step => ({
        after_s: 3_600 + index * 12,
        service: 'secretsmanager',
        name: 'GetSecretValue',
        by: 'key',
        more: { requestParameters: { secretId: `production/service-${index + 1}` } }
      })
    ),
    {
      after_s: 4_200,
      service: 'iam',
      name: 'CreateUser',
      by: 'session',
      more: {
        readOnly: false,
        requestParameters: { userName: made },
        responseElements: { user: { userName: made } }
      }
    },
    ...[10, 10, 10, 12].map(
      (count, index): Step => ({
        after_s: 5_000 + index * 60,
        service: 'ec2',
        name: 'RunInstances',
        by: 'key',
        more: {
          readOnly: false,
          requestParameters: {
            instanceType: index % 2 === 0 ? 'c5.metal' : 'r5a.4xlarge',
            instancesSet: { items: [{ imageId: 'ami-0example', minCount: 1, maxCount: count }] }
          }
        }
      })
    ),
    {
      after_s: 5_600,
      service: 'cloudtrail',
      name: 'StopLogging',
      by: 'key',
      more: { readOnly: false, requestParameters: { name: `arn:aws:cloudtrail:${REGION}:${ACCOUNT}:trail/main` } }
    }
  ]
  return steps.map(({ after_s, service, name: operation, by, more }, index) => ({
    eventVersion: '1.11',
    userIdentity: identities[by],
    eventTime: new Date(start_ms + after_s * 1000).toISOString().replace('.000Z', 'Z'),
    eventSource: `${service}.amazonaws.com`,
    eventName: operation,
    awsRegion: REGION,
    sourceIPAddress: address,
    userAgent: CLIENT,
    requestParameters: null,
    responseElements: null,
    requestID: `5ca21e7e-${run.padStart(4, '0')}-4000-8000-${String(index).padStart(12, '0')}`,
    eventID: `5ca21e7e-${run.padStart(4, '0')}-4000-9000-${String(index).padStart(12, '0')}`,
    readOnly: true,
    eventType: 'AwsApiCall',
    managementEvent: true,
    recipientAccountId: ACCOUNT,
    eventCategory: 'Management',
    ...more
  }))
}
