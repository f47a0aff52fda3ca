import type { ContainerTemplate, PodTemplate } from '../cluster-model.ts'
import type { Program } from '../processes.ts'

/** What is attacked: images with the process that is exploited. */

export interface Victim {
  readonly image: string
  readonly port: number
  readonly process: ContainerTemplate['process']
  /** Processes between the container's first and the one that is exploited; the last is that one. Empty: it is the first. */
  readonly spawns: readonly Program[]
  readonly names: readonly string[]
  readonly runsAsRoot?: boolean
}

export const VICTIMS = {
  notebook: {
    image: 'quay.io/jupyter/datascience-notebook:2026-10-05',
    port: 8888,
    process: { binary: '/usr/bin/tini', args: ['-g', '--', 'start.sh', 'start-notebook.py'], cwd: '/home/jovyan' },
    spawns: [
      { binary: '/opt/conda/bin/jupyter-lab', args: ['/opt/conda/bin/jupyter-lab', '--no-browser', '--ip=0.0.0.0'] }
    ],
    names: ['notebook', 'research', 'labs', 'forecast'],
    runsAsRoot: true
  },
  postgres: {
    image: 'postgres:17.2',
    port: 5432,
    process: { binary: '/usr/lib/postgresql/17/bin/postgres', args: [], uid: 999 },
    spawns: [{ binary: '/usr/lib/postgresql/17/bin/postgres', args: [], uid: 999 }],
    names: ['orders-db', 'crm-db', 'metrics-db', 'geo-db']
  },
  php: {
    image: 'php:8.3-apache',
    port: 80,
    process: { binary: '/usr/sbin/apache2', args: ['-DFOREGROUND'] },
    spawns: [{ binary: '/usr/sbin/apache2', args: ['-DFOREGROUND'], uid: 33 }],
    names: ['shop', 'cms', 'wiki', 'forum']
  },
  next: {
    image: 'registry.example.com/web/portal:4.2.0',
    port: 3000,
    process: { binary: '/usr/local/bin/node', args: ['/app/node_modules/.bin/next', 'start'], cwd: '/app' },
    spawns: [{ binary: '/usr/local/bin/node', args: ['next-server', '(v15.0.3)'], cwd: '/app' }],
    names: ['portal', 'landing', 'account', 'booking']
  },
  spring: {
    image: 'registry.example.com/core/billing:2.11.4',
    port: 8080,
    process: { binary: '/opt/java/openjdk/bin/java', args: ['-jar', '/app/app.jar'], cwd: '/app' },
    spawns: [],
    names: ['billing', 'invoices', 'ledger', 'pricing'],
    runsAsRoot: true
  },
  selenium: {
    image: 'selenium/standalone-chrome:4.2.0',
    port: 4444,
    process: { binary: '/usr/bin/bash', args: ['/opt/bin/entry_point.sh'] },
    spawns: [
      {
        binary: '/usr/lib/jvm/java-11-openjdk-amd64/bin/java',
        args: ['-jar', '/opt/selenium/selenium-server.jar', 'standalone'],
        uid: 1200
      }
    ],
    names: ['grid', 'browser-tests', 'e2e', 'crawler']
  },
  python: {
    image: 'registry.example.com/ml/gateway:1.9.0',
    port: 8000,
    process: { binary: '/usr/local/bin/python3.12', args: ['/usr/local/bin/uvicorn', 'app:main'], cwd: '/srv' },
    spawns: [],
    names: ['llm-gateway', 'scoring', 'embedder', 'ranker'],
    runsAsRoot: true
  },
  go: {
    image: 'registry.example.com/core/api:7.0.1',
    port: 8080,
    process: { binary: '/app/api', args: ['--listen=:8080'] },
    spawns: [],
    names: ['api', 'gateway', 'mailer', 'search']
  },
  windows: {
    image: 'mcr.microsoft.com/windows/servercore/iis:ltsc2022',
    port: 80,
    process: { binary: 'C:\\ServiceMonitor.exe', args: ['w3svc'], cwd: 'C:\\' },
    spawns: [{ binary: 'C:\\Windows\\System32\\inetsrv\\w3wp.exe', args: ['-ap', 'DefaultAppPool'], cwd: 'C:\\' }],
    names: ['intranet', 'reports-web', 'legacy', 'claims']
  }
} as const satisfies Readonly<Record<string, Victim>>
export type VictimKind = keyof typeof VICTIMS

export function victimTemplate(kind: VictimKind, app: string, serviceAccount: string): PodTemplate {
  const victim: Victim = VICTIMS[kind]
  return {
    labels: { app },
    serviceAccount,
    containers: [{ name: app, image: victim.image, port: victim.port, process: victim.process }]
  }
}
