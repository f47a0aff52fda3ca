import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A certificate with its key: paths of PEM files. */
interface Certificate {
  readonly cert_file: string
  readonly key_file: string
}

export interface TestCertificates {
  readonly ca_file: string
  readonly ca: Buffer
  /** Signs a certificate for 127.0.0.1 and localhost with this common name. */
  issue(name: string): Certificate
}

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] })
}

/** A certificate authority made for one test run, with the openssl command. */
export function createCertificates(): TestCertificates {
  const folder = mkdtempSync(join(tmpdir(), 'weir-certificates-'))
  const file = (name: string) => join(folder, name)
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  openssl(
    'req',
    '-x509',
    ...newKey,
    '-keyout',
    file('ca.key'),
    '-out',
    file('ca.crt'),
    '-subj',
    '/CN=Weir test CA',
    '-days',
    '2'
  )
  writeFileSync(file('san.ext'), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n')
  return {
    ca_file: file('ca.crt'),
    ca: readFileSync(file('ca.crt')),
    issue(name) {
      const [key, request, cert] = [file(`${name}.key`), file(`${name}.csr`), file(`${name}.crt`)]
      openssl('req', '-new', ...newKey, '-keyout', key, '-out', request, '-subj', `/CN=${name}`)
      openssl(
        'x509',
        '-req',
        '-in',
        request,
        '-CA',
        file('ca.crt'),
        '-CAkey',
        file('ca.key'),
        '-CAcreateserial',
        '-out',
        cert,
        '-days',
        '2',
        '-extfile',
        file('san.ext')
      )
      return { cert_file: cert, key_file: key }
    }
  }
}
