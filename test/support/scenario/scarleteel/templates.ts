import type { ContainerTemplate, PodTemplate, ProgramTemplate } from '../cluster-model.ts'

/** What runs in the pods. */

export function single(
  name: string,
  image: string,
  process: ProgramTemplate,
  more: Partial<ContainerTemplate> = {}
): ContainerTemplate {
  return { name, image, process, ...more }
}

export function template(
  app: string,
  serviceAccount: string,
  container: ContainerTemplate,
  more: Partial<PodTemplate> = {}
): PodTemplate {
  return { labels: { app }, serviceAccount, containers: [container], ...more }
}

export const NODE_AGENT = { hostNetwork: true } as const

export function notebookTemplate(app: string, serviceAccount: string): PodTemplate {
  const script = '/opt/conda/bin/jupyter-lab'
  return template(
    app,
    serviceAccount,
    single(
      'notebook',
      'quay.io/jupyter/datascience-notebook:2026-10-05',
      {
        binary: '/usr/bin/tini',
        args: ['-g', '--', 'start.sh', 'start-notebook.py', '--allow-root'],
        cwd: '/home/jovyan'
      },
      {
        port: 8888,
        env: { NB_UID: '0', NB_GID: '0', JUPYTER_TOKEN: '', JUPYTER_CMD: script },
        securityContext: { runAsUser: 0 }
      }
    )
  )
}

export const WEB_TEMPLATE = template(
  'web',
  'default',
  single('web', 'nginx:1.27.3', { binary: '/usr/sbin/nginx', args: ['-g', 'daemon off;'] }, { port: 80 })
)

export const CART_TEMPLATE = template(
  'cart',
  'cart',
  single(
    'cart',
    'registry.example.com/shop/cart:3.14.0',
    { binary: '/usr/local/bin/node', args: ['/app/server.js'], cwd: '/app' },
    { port: 8080, env: { DB_HOST: 'db.shop.svc', NODE_ENV: 'production' } }
  )
)

export const DB_TEMPLATE = template(
  'db',
  'default',
  single(
    'postgres',
    'postgres:17.2',
    { binary: '/usr/lib/postgresql/17/bin/postgres', args: [], uid: 999 },
    { port: 5432, readinessExec: ['pg_isready', '-U', 'shop', '-q'] }
  )
)

export const REPORT_TEMPLATE = template(
  'report',
  'default',
  single(
    'report',
    'postgres:17.2',
    {
      binary: '/bin/sh',
      args: ['-c', 'psql -h db.shop.svc -U shop -f /sql/report.sql > /tmp/report.csv && gzip /tmp/report.csv && date']
    },
    {
      command: ['sh', '-c'],
      args: ['psql -h db.shop.svc -U shop -f /sql/report.sql > /tmp/report.csv && gzip /tmp/report.csv && date']
    }
  ),
  { restartPolicy: 'Never' }
)

/** A build container of the CI runner, created for each job. */
export const BUILD_TEMPLATE = template(
  'gitlab-runner-job',
  'default',
  single(
    'build',
    'node:24-bookworm',
    { binary: '/bin/bash', args: [], cwd: '/builds' },
    { command: ['sh', '-c', 'if [ -x /bin/bash ]; then exec /bin/bash; else exec /bin/sh; fi'] }
  ),
  { restartPolicy: 'Never' }
)
