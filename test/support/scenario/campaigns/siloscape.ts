import { denied, list, review } from './calls.ts'
import { api, type Campaign, KUBECTL, run, type Who } from './campaign.ts'

const NODE: Who = { as: 'node', agent: 'kubectl.exe/v1.20.0 (windows/amd64) kubernetes/af46c47' }

export const SILOSCAPE: Campaign = {
  id: 'siloscape',
  title: 'Siloscape: Windows container to node credentials',
  source: 'Unit 42, 2021',
  victim: 'windows',
  evasions: [],
  unseen: ['2: symbolic link through CExecSvc (no such system call is recorded)'],
  rows: ({ drop, namespace, evades }) => [
    ['0:00', 1, run('server', 'C:\\Windows\\System32\\cmd.exe /c whoami', { as: 'cmd' })],
    ['0:02', 1, run('cmd', 'C:\\Windows\\System32\\whoami.exe')],
    ['0:30', 2, run('cmd', 'C:\\Windows\\Temp\\CloudMalware.exe', { as: 'malware' })],
    ['1:10', 3, run('malware', 'C:\\Windows\\System32\\cmd.exe /c dir /s /b C:\\host\\*kubectl.exe C:\\host\\*config')],
    [
      '1:40',
      4,
      run('malware', 'C:\\host\\k\\kubectl.exe --kubeconfig=C:\\host\\k\\config auth can-i create deployments', {
        to: [['10.96.0.1', 443]]
      })
    ],
    [
      '1:42',
      4,
      api(
        evades('plain-names') ? { ...NODE, agent: KUBECTL } : NODE,
        review(namespace, 'create', 'deployments'),
        denied(list('deployments', 'default', 'apps')),
        denied(list('secrets'))
      )
    ],
    [
      '2:30',
      4,
      run('malware', 'C:\\Windows\\Temp\\tor.exe --SocksPort 9050', { as: 'tor', to: [['185.220.101.4', 9001]] })
    ],
    ['3:00', 4, run('tor', 'C:\\Windows\\Temp\\irc.exe', { to: [[drop, 6667]] })]
  ]
}
