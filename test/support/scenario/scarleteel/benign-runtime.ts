import type { World } from '../api.ts'
import { mainContainer, podOf, podsOf } from '../cluster.ts'
import type { Pod } from '../cluster-model.ts'
import { aptInstall } from '../packages.ts'
import type { Process } from '../processes.ts'
import { connect, end, read, run, start, startExeced, startFirst, tokenPath } from '../runtime.ts'
import { MINUTE_US, MS_US, SECOND_US } from '../timeline.ts'
import { every } from './every.ts'
import { API_SERVER, GITHUB_IP, PYPI_IP } from './indicators.ts'
import { at, benign, type Cast, jupyterLab, running } from './story.ts'

/** What goes on in the containers while the attack happens: some of it looks like the attack, and is not. */

const NPM_IP = '198.51.100.43'

/** Address of one of the shop's services. */
function serviceIP(world: World, name: string): string {
  const found = world.cluster.services.find((service) => service.namespace === 'shop' && service.name === name)
  if (found === undefined) throw new RangeError(`the scenario has no service shop/${name}`)
  return found.clusterIP
}

/** The database's readiness probe, every ten seconds. */
export function databaseProbe(world: World): void {
  const probing = benign(world, 'probe')
  const pod = podOf(probing.cluster, 'shop', 'db')
  const [, ...args] = mainContainer(pod).template.readinessExec ?? []
  every(probing, 10 * SECOND_US, (at_us) => {
    const probe = startExeced(probing, pod, at_us, { binary: '/usr/bin/pg_isready', args, uid: 999 })
    end(probing, probe, at_us + probing.random.integer(4, 15) * MS_US)
  })
}

/** The shop's own connections: web to cart, cart to database; both to the same few addresses all day. */
export function shopTraffic(world: World): void {
  const traffic = benign(world, 'shop-traffic')
  const { cluster, random } = traffic
  const webs = podsOf(cluster, 'shop', 'web').slice(0, 3)
  const carts = podsOf(cluster, 'shop', 'cart')
  const workers = new Map(
    webs.map((pod) => [
      pod.uid,
      running(traffic, traffic.processes.first(pod), {
        binary: '/usr/sbin/nginx',
        args: ['-g', 'daemon off;'],
        uid: 101
      })
    ])
  )
  // the first web pods are replaced after 16 minutes: they are told only until then
  every(traffic, 4 * SECOND_US, (at_us) => {
    const worker = workers.get(random.pick(webs).uid)
    if (worker !== undefined && at_us < at('16:00')) connect(traffic, worker, at_us, serviceIP(world, 'cart'), 8080)
  })
  every(traffic, 15 * SECOND_US, (at_us) =>
    connect(traffic, traffic.processes.first(random.pick(carts)), at_us, serviceIP(world, 'db'), 5432)
  )
}

/** Prometheus opens connections to its targets anew now and then. */
export function scraping(world: World): void {
  const scrape = benign(world, 'scraping')
  const { cluster, random } = scrape
  const prometheus = scrape.processes.first(podOf(cluster, 'monitoring', 'prometheus'))
  const exporters = podsOf(cluster, 'monitoring', 'node-exporter')
  const state = podOf(cluster, 'monitoring', 'kube-state-metrics')
  every(scrape, 30 * SECOND_US, (at_us) => {
    connect(scrape, prometheus, at_us, random.pick(exporters).ip, 9100)
    connect(scrape, prometheus, at_us + 40 * MS_US, state.ip, 8080)
    connect(scrape, prometheus, at_us + 70 * MS_US, random.pick(cluster.nodes).ip, 10250)
  })
}

/** In-cluster clients read their token about every minute, as client-go does, and connect to the API server. */
export function inClusterClients(world: World): void {
  const reading = benign(world, 'in-cluster-clients')
  const clients = [
    ['monitoring', 'prometheus'],
    ['monitoring', 'kube-state-metrics'],
    ['kube-system', 'metrics-server'],
    ['kube-system', 'coredns'],
    ['ci', 'gitlab-runner']
  ] as const
  for (const [namespace, workload] of clients) {
    const pod = podOf(reading.cluster, namespace, workload)
    const process = reading.processes.first(pod)
    every(reading, MINUTE_US, (at_us) => read(reading, process, at_us, tokenPath(pod)))
    every(reading, 6 * MINUTE_US, (at_us) => connect(reading, process, at_us, API_SERVER.ip, API_SERVER.port))
  }
}

/** The report's container: psql, gzip, date. */
export function reportProcesses(world: World, pods: readonly Pod[]): void {
  const reporting = benign(world, 'report-processes')
  for (const pod of pods) {
    const shell = startFirst(reporting, pod)
    const begun_us = shell.start_us
    const psql = run(reporting, shell, begun_us + 15 * MS_US, {
      binary: '/usr/bin/psql',
      args: ['-h', 'db.shop.svc', '-U', 'shop', '-f', '/sql/report.sql'],
      lasts_us: 1_900 * MS_US
    })
    connect(reporting, psql, begun_us + 40 * MS_US, serviceIP(world, 'db'), 5432)
    run(reporting, shell, begun_us + 2_000 * MS_US, {
      binary: '/usr/bin/gzip',
      args: ['/tmp/report.csv'],
      lasts_us: 90 * MS_US
    })
    run(reporting, shell, begun_us + 2_200 * MS_US, { binary: '/usr/bin/date' })
    end(reporting, shell, begun_us + 2_300 * MS_US)
  }
}

/** A build: clone, packages, an installer piped into bash, npm. Much of what an attacker does, in a build container. */
export function buildProcesses(world: World, pod: Pod, lasts_us: number): void {
  const building = benign(world, `build/${pod.name}`)
  const bash = startFirst(building, pod)
  const after = (seconds: number) => bash.start_us + seconds * SECOND_US
  const clone = start(building, bash, after(2), {
    binary: '/usr/bin/git',
    args: ['clone', '--depth', '1', 'https://git.example.com/shop/cart.git', '/builds/cart']
  })
  const remote = start(building, clone, after(2.02), {
    binary: '/usr/lib/git-core/git',
    args: ['remote-https', 'origin', 'https://git.example.com/shop/cart.git']
  })
  const https = run(building, remote, after(2.03), {
    binary: '/usr/lib/git-core/git-remote-https',
    args: ['origin', 'https://git.example.com/shop/cart.git'],
    lasts_us: 2 * SECOND_US
  })
  connect(building, https, after(2.06), GITHUB_IP, 443)
  run(building, clone, after(3.4), {
    binary: '/usr/lib/git-core/git',
    args: ['index-pack', '--stdin', '--fix-thin'],
    lasts_us: 400 * MS_US
  })
  end(building, remote, after(4.1))
  end(building, clone, after(4.2))
  const installed_us = aptInstall(building, bash, after(5), {
    packages: ['jq', 'python3', 'make'],
    download_us: 6 * SECOND_US
  })
  const curl = run(building, bash, installed_us + SECOND_US, {
    binary: '/usr/bin/curl',
    args: ['-fsSL', 'https://get.example.com/install-cosign.sh'],
    lasts_us: 500 * MS_US
  })
  connect(building, curl, installed_us + SECOND_US + 20 * MS_US, GITHUB_IP, 443)
  const installer = start(building, bash, installed_us + SECOND_US + 2 * MS_US, { binary: '/usr/bin/bash' })
  run(building, installer, installed_us + 2 * SECOND_US, { binary: '/usr/bin/uname', args: ['-m'] })
  run(building, installer, installed_us + 3 * SECOND_US, {
    binary: '/usr/bin/install',
    args: ['-m', '755', '/tmp/cosign', '/usr/local/bin/cosign']
  })
  end(building, installer, installed_us + 4 * SECOND_US)
  const npm = start(building, bash, installed_us + 5 * SECOND_US, {
    binary: '/usr/local/bin/npm',
    args: ['/usr/local/bin/npm', 'ci'],
    cwd: '/builds/cart'
  })
  for (let round = 0; round < 4; round++)
    connect(building, npm, installed_us + 6 * SECOND_US + round * 200 * MS_US, NPM_IP, 443)
  for (let round = 0; round < 5; round++) {
    const script = run(building, npm, installed_us + (9 + round) * SECOND_US, {
      binary: '/bin/sh',
      args: ['-c', 'node-gyp rebuild'],
      lasts_us: 700 * MS_US
    })
    run(building, script, installed_us + (9 + round) * SECOND_US + 30 * MS_US, {
      binary: '/usr/local/bin/node',
      args: ['/usr/local/bin/node-gyp', 'rebuild'],
      lasts_us: 500 * MS_US
    })
  }
  end(building, npm, installed_us + 16 * SECOND_US)
  for (const [place, words] of [['run', 'lint'], ['test'], ['run', 'build']].entries()) {
    const at_us = installed_us + (18 + place * 9) * SECOND_US
    const script = run(building, bash, at_us, {
      binary: '/usr/local/bin/npm',
      args: ['/usr/local/bin/npm', ...words],
      lasts_us: 8 * SECOND_US
    })
    run(building, script, at_us + 300 * MS_US, {
      binary: '/bin/sh',
      args: ['-c', `node scripts/${words.join('-')}.js`],
      lasts_us: 7 * SECOND_US
    })
  }
  end(building, bash, bash.start_us + lasts_us - 5 * SECOND_US)
}

/** Alice in a web pod with a shell: she reads the configuration and asks the server for its health. */
export function aliceInWeb(world: World, pod: Pod): void {
  const debugging = benign(world, 'alice-debugs-processes')
  const shell = startExeced(debugging, pod, at('5:45.190'), { binary: '/bin/sh' })
  const commands: readonly (readonly [string, string, readonly string[]])[] = [
    ['5:50', '/usr/bin/ls', ['-la', '/etc/nginx']],
    ['5:58', '/usr/bin/cat', ['/etc/nginx/conf.d/default.conf']],
    ['6:10', '/usr/sbin/nginx', ['-t']],
    ['6:24', '/usr/bin/env', []],
    ['6:40', '/usr/bin/tail', ['-n', '50', '/var/log/nginx/error.log']],
    ['6:58', '/usr/bin/df', ['-h']]
  ]
  for (const [when, binary, args] of commands) run(debugging, shell, at(when), { binary, args })
  const curl = run(debugging, shell, at('7:06'), { binary: '/usr/bin/curl', args: ['-s', 'http://localhost/healthz'] })
  connect(debugging, curl, at('7:06.001'), '127.0.0.1', 80)
  end(debugging, shell, at('7:20'))
}

function kernel(world: World, server: Process, at_us: number): Process {
  return start(world, server, at_us, {
    binary: '/opt/conda/bin/python3',
    args: ['-m', 'ipykernel_launcher', '-f', `/root/.local/share/jupyter/runtime/kernel-${world.random.uuid()}.json`],
    cwd: '/home/jovyan/work'
  })
}

/** A data scientist at work: a kernel, `!pip install`, and a terminal with git and pip, as notebooks are used every day. */
export function researchAtWork(world: World, { research, notebook }: Cast): void {
  const working = benign(world, 'research')
  const server = jupyterLab(working, research)
  const python = kernel(working, server, at('2:10'))
  const shell = start(working, python, at('3:50'), { binary: '/bin/sh', args: ['-c', 'pip install -q scikit-learn'] })
  const pip = run(working, shell, at('3:50.010'), {
    binary: '/opt/conda/bin/pip',
    args: ['/opt/conda/bin/pip', 'install', '-q', 'scikit-learn'],
    lasts_us: 11 * SECOND_US
  })
  connect(working, pip, at('3:51'), PYPI_IP, 443)
  end(working, shell, at('4:01.100'))
  const terminal = start(working, server, at('8:05'), { binary: '/bin/bash', args: ['-l'], cwd: '/home/jovyan' })
  run(working, terminal, at('8:12'), { binary: '/usr/bin/ls', args: ['-la', 'work'] })
  const pull = start(working, terminal, at('8:20'), {
    binary: '/usr/bin/git',
    args: ['pull', '--rebase'],
    cwd: '/home/jovyan/work'
  })
  const https = run(working, pull, at('8:20.040'), {
    binary: '/usr/lib/git-core/git-remote-https',
    args: ['origin', 'https://git.example.com/research/models.git'],
    lasts_us: 900 * MS_US
  })
  connect(working, https, at('8:20.080'), GITHUB_IP, 443)
  end(working, pull, at('8:21.400'))
  run(working, terminal, at('8:40'), {
    binary: '/opt/conda/bin/pip',
    args: ['/opt/conda/bin/pip', 'list'],
    lasts_us: SECOND_US
  })
  run(working, terminal, at('9:15'), {
    binary: '/opt/conda/bin/python',
    args: ['train.py', '--epochs', '3'],
    cwd: '/home/jovyan/work',
    lasts_us: 150 * SECOND_US
  })
  end(working, terminal, at('12:20'))
  // the attacked notebook has an owner too, who starts a kernel before the attacker comes and one while he is there
  const owner = benign(world, 'notebook-owner')
  const ownServer = jupyterLab(owner, notebook)
  for (const when of ['1:12', '14:25']) {
    const own = kernel(owner, ownServer, at(when))
    run(owner, own, at(when) + 4 * SECOND_US, { binary: '/usr/bin/lsb_release', args: ['/usr/bin/lsb_release', '-a'] })
    end(owner, own, at(when) + 9 * MINUTE_US)
  }
}

/** nginx of the pods that come with Alice's rollout. */
export function newWebPods(world: World, pods: readonly Pod[]): void {
  const rolling = benign(world, 'alice-rollout-processes')
  for (const pod of pods) {
    const entry = start(rolling, startFirst(rolling, pod), mainContainer(pod).start_us + 3 * MS_US, {
      binary: '/docker-entrypoint.sh',
      args: ['/docker-entrypoint.sh', 'nginx', '-g', 'daemon off;']
    })
    for (const [place, binary] of ['/usr/bin/find', '/usr/bin/sort', '/usr/bin/sed'].entries())
      run(rolling, entry, entry.start_us + (4 + place * 9) * MS_US, { binary, args: ['/docker-entrypoint.d/'] })
    end(rolling, entry, entry.start_us + 60 * MS_US)
  }
}
