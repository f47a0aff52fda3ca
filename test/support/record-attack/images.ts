import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Cluster } from '../../cluster/cluster.ts'
import { busyboxFiles, foldersOf, type ImageFile, programFiles, writeImage } from '../../cluster/images.ts'

const REGISTRY = 'registry.example.com'
export const IMAGES = {
  notebook: `${REGISTRY}/data/notebook:4.2`,
  web: `${REGISTRY}/shop/web:1.8.2`,
  web_next: `${REGISTRY}/shop/web:1.8.3`,
  tools: `${REGISTRY}/platform/kubectl:1.34`,
  /** What the attacker deploys. It is on the node already, since nothing can be pulled. */
  miner: `${REGISTRY}/mirror/kube-proxy:1.34.4`
} as const

/** Compiles a program of this folder, so that it needs no libraries. @returns where it is */
export function compile(name: string, folder: string): string {
  mkdirSync(folder, { recursive: true })
  const target = join(folder, name)
  const source = join(import.meta.dirname, 'programs', `${name}.c`)
  execFileSync('clang', ['-static', '-O2', '-Wall', '-D_GNU_SOURCE', '-o', target, source], { stdio: 'inherit' })
  return target
}

const text = (path: string, content: string): ImageFile => ({ path, content, mode: 0o644 })

/** What lies about in a data scientist's notebook. None of it opens anything. */
const NOTEBOOK_FILES: readonly ImageFile[] = [
  text('root/.bashrc', 'PS1="$ "\n'),
  text('root/.bash_history', 'git pull\npip list\n'),
  text(
    'root/.aws/credentials',
    '[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = example\n'
  ),
  text('root/.aws/config', '[default]\nregion = eu-central-1\n'),
  text('root/.git-credentials', 'https://lisa:example@git.example.com\n'),
  text('root/.docker/config.json', '{"auths":{"registry.example.com":{"auth":"ZXhhbXBsZQ=="}}}\n'),
  text('root/.kube/config', 'apiVersion: v1\nkind: Config\n'),
  text('root/work/churn.ipynb', '{"cells":[]}\n'),
  text('var/log/jupyter.log', '[I] Jupyter Server is running at http://0.0.0.0:8888/lab\n'),
  text('var/log/syslog', 'started\n'),
  { path: 'var/lib/dpkg/info', folder: true },
  text('var/lib/dpkg/status', '')
]

/** Makes the images of the recording's workloads and brings them in. */
export function importImages(cluster: Cluster, kubectl: string, folder: string): void {
  const base = busyboxFiles()
  const known = new Set(base.map(({ path }) => path))
  const add = (name: string, more: readonly ImageFile[], config: Readonly<Record<string, unknown>>) => {
    const folders = foldersOf(more).filter(({ path }) => !known.has(path))
    const archive = join(folder, `${name.replaceAll(/[/:]/g, '-')}.tar`)
    writeImage(
      {
        name,
        files: [...base, ...folders, ...more],
        config: { Env: ['PATH=/usr/local/bin:/bin', 'HOME=/root'], ...config }
      },
      archive
    )
    cluster.importImage(archive)
  }
  const program = (path: string, from: string): ImageFile => ({ path, content: readFileSync(from) })
  const bash = programFiles('bash', 'bin/bash')
  const curl = programFiles('curl', 'bin/curl')
  const both = [...new Map([...bash, ...curl].map((file) => [file.path, file])).values()]
  add(
    IMAGES.notebook,
    [program('opt/conda/bin/jupyter-lab', compile('jupyter-lab', folder)), ...both, ...NOTEBOOK_FILES],
    {
      Entrypoint: ['/opt/conda/bin/jupyter-lab', '--ip=0.0.0.0', '--ServerApp.token=']
    }
  )
  for (const [version, name] of [
    ['1.8.2', IMAGES.web],
    ['1.8.3', IMAGES.web_next]
  ] as const)
    add(name, [text('srv/index.html', `shop ${version}\n`), text('etc/shop.conf', 'workers=2\n')], {
      Entrypoint: ['/bin/httpd', '-f', '-p', '8080', '-h', '/srv']
    })
  add(IMAGES.tools, [program('usr/local/bin/kubectl', kubectl)], { Entrypoint: ['/usr/local/bin/kubectl'] })
  add(IMAGES.miner, [program('usr/local/bin/kube-proxy', compile('miner', folder))], {
    Entrypoint: ['/usr/local/bin/kube-proxy']
  })
}
