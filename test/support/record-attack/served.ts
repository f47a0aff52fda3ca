import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { at, type Place } from './network.ts'

const CONTROL = 'Package: netcat\nVersion: 1.0\nArchitecture: all\nMaintainer: nobody\nDescription: nothing\n'

/** Makes a Debian package with a script in it. @param root an empty folder */
export function writePackage(file: string, root: string): void {
  mkdirSync(join(root, 'DEBIAN'), { recursive: true })
  mkdirSync(join(root, 'usr/bin'), { recursive: true })
  writeFileSync(join(root, 'DEBIAN/control'), CONTROL)
  writeFileSync(join(root, 'usr/bin/netcat'), '#!/bin/sh\nexec nc "$@"\n', { mode: 0o755 })
  execFileSync('dpkg-deb', ['-Zgzip', '--build', root, file], { stdio: 'ignore' })
}

/** Starts the stand-in for a server at its place: see stand-ins.ts. @returns what ends it */
export function serve(place: Place, ...args: readonly string[]): () => void {
  const [program = '', ...rest] = [...at(place), process.execPath, join(import.meta.dirname, 'stand-ins.ts'), ...args]
  const child = spawn(program, rest, { stdio: ['ignore', 'inherit', 'inherit'] })
  return () => void child.kill()
}
