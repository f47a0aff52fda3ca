/**
 * Does one thing to the system that a sensor is to see, in a process of its own: `node act.ts NAME [ARGUMENT…]`. What Node has no
 * function for is called in libc.
 */
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import * as fs from 'node:fs'
import { connect, createServer } from 'node:net'
import koffi from 'koffi'

const libc = koffi.load('libc.so.6')
const CLONE_NEWNS = 0x20000
const PTRACE_ATTACH = 16
const PTRACE_DETACH = 17
const AT_EMPTY_PATH = 0x1000
const BPF_PROG_LOAD = 5

function check(what: string, result: number): number {
  if (result < 0) throw new Error(`${what}: errno ${koffi.errno()}`)
  return result
}

/** A DNS query for one name, type A. */
function dnsQuery(name: string): Buffer {
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]))
  const head = Buffer.from([0x12, 0x34, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, 0])
  return Buffer.concat([head, ...labels, Buffer.from([0, 0, 1, 0, 1])])
}

/** Listens, connects to itself and accepts. */
async function connectTcp(): Promise<void> {
  const server = createServer((socket) => socket.end())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const socket = connect({
    host: '127.0.0.1',
    port: typeof address === 'object' && address !== null ? address.port : 0
  })
  await once(socket.resume(), 'end')
  socket.destroy()
  server.close()
}

async function sendUdp(port: number, message: Buffer): Promise<void> {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve, reject) =>
    socket.send(message, port, '127.0.0.1', (error) => (error === null ? resolve() : reject(error)))
  )
  socket.close()
}

/** Files, by paths that are relative to the folder. */
function files(folder: string): void {
  process.chdir(folder)
  fs.writeFileSync('written', 'x')
  fs.renameSync('written', 'renamed')
  fs.chmodSync('renamed', 0o4755)
  fs.chownSync('renamed', 65534, 65534)
  fs.linkSync('renamed', 'linked')
  fs.symlinkSync('renamed', 'pointing')
  fs.unlinkSync('linked')
  const descriptor = fs.openSync('renamed', 'r+')
  fs.fchmodSync(descriptor, 0o600)
  fs.closeSync(descriptor)
  fs.mkdirSync('folder')
  fs.rmdirSync('folder')
}

/** Reads a secret by ways that do not show it in what the process asks for. */
function secrets(folder: string): void {
  process.chdir('/etc')
  fs.readFileSync('shadow')
  fs.symlinkSync('/etc/shadow', `${folder}/harmless`)
  fs.readFileSync(`${folder}/harmless`)
  fs.mkdirSync(`${folder}/.aws`)
  fs.writeFileSync(`${folder}/.aws/credentials`, 'x')
  fs.readFileSync(`${folder}/.aws/credentials`)
  fs.readFileSync('/etc/hostname')
}

/** Becomes nobody, for good. */
function users(): void {
  check('setresgid', libc.func('int setresgid(uint32_t, uint32_t, uint32_t)')(65534, 65534, 65534))
  check('setresuid', libc.func('int setresuid(uint32_t, uint32_t, uint32_t)')(65534, 65534, 65534))
}

function capabilities(): void {
  // Version 3 of the header, then effective, permitted and inheritable in two halves: only CAP_KILL stays.
  const header = Buffer.alloc(8)
  header.writeUInt32LE(0x20080522)
  const sets = Buffer.alloc(24)
  sets.writeUInt32LE(1 << 5, 0)
  sets.writeUInt32LE(1 << 5, 4)
  check('capset', libc.func('int capset(void *, void *)')(header, sets))
}

function namespaces(folder: string): void {
  check('unshare', libc.func('int unshare(int)')(CLONE_NEWNS))
  const mount = libc.func('int mount(const char *, const char *, const char *, unsigned long, void *)')
  check('mount --make-rprivate', mount('none', '/', '', 0x44000, null))
  check('mount', mount('weir-source', folder, 'tmpfs', 0, null))
  const own = fs.openSync('/proc/self/ns/uts', 'r')
  check('setns', libc.func('int setns(int, int)')(own, 0))
}

async function trace(): Promise<void> {
  const child = spawn('sleep', ['30'])
  await once(child, 'spawn')
  const ptrace = libc.func('long ptrace(int, int, void *, void *)')
  check('ptrace', Number(ptrace(PTRACE_ATTACH, child.pid ?? 0, null, null)))
  libc.func('int waitpid(int, void *, int)')(child.pid ?? 0, null, 0)
  ptrace(PTRACE_DETACH, child.pid ?? 0, null, null)
  console.log(child.pid)
  child.kill('SIGKILL')
  await once(child, 'exit')
}

/** Runs a program from memory, with one argument to know it by. */
function memory(mark: string): void {
  const descriptor = check('memfd_create', libc.func('int memfd_create(const char *, unsigned int)')('weir-test', 0))
  fs.writeFileSync(`/proc/self/fd/${descriptor}`, fs.readFileSync('/bin/true'))
  const execveat = libc.func('int execveat(int, const char *, const char **, const char **, int)')
  check('execveat', execveat(descriptor, '', ['true', mark, null], [null], AT_EMPTY_PATH))
}

/** Loads a BPF program that does nothing: `r0 = 0; exit`. */
function bpf(): void {
  const program = Buffer.from([0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0])
  const license = Buffer.from('GPL\0')
  const attributes = Buffer.alloc(128)
  attributes.writeUInt32LE(1, 0)
  attributes.writeUInt32LE(2, 4)
  attributes.writeBigUInt64LE(koffi.address(program), 8)
  attributes.writeBigUInt64LE(koffi.address(license), 16)
  attributes.write('weir_nothing', 48)
  const number = process.arch === 'arm64' ? 280 : 321
  check('bpf', Number(libc.func('long syscall(long, long, void *, long)')(number, BPF_PROG_LOAD, attributes, 128)))
}

const [name = '', first = ''] = process.argv.slice(2)
switch (name) {
  case 'tcp':
    await connectTcp()
    break
  case 'udp':
    await sendUdp(Number(first), Buffer.from('x'))
    await sendUdp(Number(first), Buffer.from('x'))
    break
  case 'dns':
    await sendUdp(53, dnsQuery(first))
    break
  case 'files':
    files(first)
    break
  case 'secrets':
    secrets(first)
    break
  case 'users':
    users()
    break
  case 'capabilities':
    capabilities()
    break
  case 'namespaces':
    namespaces(first)
    break
  case 'trace':
    await trace()
    break
  case 'memory':
    memory(first)
    break
  case 'bpf':
    bpf()
    break
  case 'unix': {
    const socket = connect({ path: first })
    await once(socket, 'connect')
    socket.destroy()
    break
  }
  default:
    throw new Error(`act.ts does not know ${name}`)
}
