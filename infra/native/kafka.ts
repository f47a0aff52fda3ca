import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { WeirError } from '../../services/core/errors.ts'
import { SERVER_ERRORS } from '../errors.ts'
import { fetchWithDependencies } from './maven.ts'
import { LOOPBACK } from './ports.ts'
import { lastLines, run } from './run.ts'
import { jvmOptions, type ServerContext, type ServerDefinition } from './server.ts'

/** Any 16 bytes in base64url will do; a fixed id keeps one development cluster's logs and data telling the same story. */
export const KAFKA_CLUSTER_ID = 'd2Vpci1kZXZlbG9wbWVudA'
const FORMAT_TIMEOUT_MS = 120_000
/** With Maven's plug-in, since Kafka is what is fetched first. */
const DOWNLOAD_BYTES = 66_000_000

/**
 * Broker settings that hold for the native server and for docker-compose.yml alike: one node that is broker and controller,
 * hence one replica of everything, and groups that do not wait for more members.
 */
export const KAFKA_SETTINGS = {
  'process.roles': 'broker,controller',
  'node.id': '1',
  'controller.listener.names': 'CONTROLLER',
  'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
  'inter.broker.listener.name': 'PLAINTEXT',
  'offsets.topic.replication.factor': '1',
  'offsets.topic.num.partitions': '8',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'transaction.state.log.num.partitions': '4',
  'share.coordinator.state.topic.replication.factor': '1',
  'share.coordinator.state.topic.min.isr': '1',
  'group.initial.rebalance.delay.ms': '0',
  // After a crash the broker may not come back before the session of the one that died has ended; the default is 9 s.
  'broker.session.timeout.ms': '4000',
  'broker.heartbeat.interval.ms': '1000',
  'auto.create.topics.enable': 'false',
  // The default of 128 MB for cleaning compacted topics is for busier brokers.
  'log.cleaner.dedupe.buffer.size': '16777216'
} as const

function folderOf(context: ServerContext): string {
  return join(context.home, 'servers', `kafka-${context.settings.versions.kafka}`)
}

function classPath(context: ServerContext): string {
  // Named one by one, and sorted: with a wildcard the class archive would not be used.
  const folder = folderOf(context)
  return readdirSync(folder)
    .filter((name) => name.endsWith('.jar'))
    .sort()
    .map((name) => join(folder, name))
    .join(':')
}

export const KAFKA: ServerDefinition = {
  name: 'kafka',
  title: (settings) => `Kafka ${settings.versions.kafka}`,
  endpoint: (ports) => `${LOOPBACK}:${ports.kafka}`,
  needs_java: true,
  needs_inner_port: true,

  async fetch(context) {
    const folder = folderOf(context)
    if (existsSync(folder)) return
    const part = `${folder}.part`
    rmSync(part, { recursive: true, force: true })
    mkdirSync(part, { recursive: true })
    const version = context.settings.versions.kafka
    await fetchWithDependencies(
      [
        { group: 'org.apache.kafka', name: 'kafka_2.13', version },
        { group: 'org.slf4j', name: 'slf4j-simple', version: '1.7.36' }
      ],
      part,
      DOWNLOAD_BYTES,
      {
        home: context.home,
        java_home: context.java.home,
        step: 'kafka',
        progress: context.progress,
        signal: context.signal
      }
    )
    renameSync(part, folder)
  },

  async prepare(context) {
    const file = join(context.run, 'kafka.properties')
    const logs = join(context.data, 'logs')
    const properties = {
      ...KAFKA_SETTINGS,
      'controller.quorum.bootstrap.servers': `${LOOPBACK}:${context.inner_port}`,
      listeners: `PLAINTEXT://${LOOPBACK}:${context.ports.kafka},CONTROLLER://${LOOPBACK}:${context.inner_port}`,
      'advertised.listeners': `PLAINTEXT://${LOOPBACK}:${context.ports.kafka}`,
      'log.dirs': logs,
      ...context.kafka_properties
    }
    writeFileSync(
      file,
      Object.entries(properties)
        .map(([key, value]) => `${key}=${value.replaceAll('\\', '\\\\')}\n`)
        .join('')
    )
    const java = join(context.java.home, 'bin', 'java')
    const archives = join(context.home, 'cds')
    mkdirSync(archives, { recursive: true })
    const options = jvmOptions(join(archives, 'kafka.jsa'), context.settings.memory_mb.kafka, context.throughput)
    const formatted = join(context.data, 'formatted')
    if (!existsSync(formatted)) {
      // Formatting may have been cut short: start from nothing.
      rmSync(logs, { recursive: true, force: true })
      mkdirSync(logs, { recursive: true })
      const result = await run(
        java,
        [
          '-XX:TieredStopAtLevel=1',
          '-XX:+UseSerialGC',
          `-XX:SharedArchiveFile=${join(archives, 'kafka.jsa')}`,
          '-Xlog:disable',
          ...['-cp', classPath(context), 'kafka.tools.StorageTool', 'format', '--standalone'],
          ...['-t', KAFKA_CLUSTER_ID, '-c', file]
        ],
        { timeout_ms: FORMAT_TIMEOUT_MS, signal: context.signal }
      )
      if (result.code !== 0) {
        throw new WeirError(
          SERVER_ERRORS,
          'SERVER_START_FAILED',
          `Kafka's storage in ${logs} could not be formatted:\n${lastLines(result.output, 10)}`
        )
      }
      writeFileSync(formatted, `${context.settings.versions.kafka}\n`)
    }
    return {
      command: java,
      args: [
        ...options,
        '-Dorg.slf4j.simpleLogger.showDateTime=true',
        '-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS'
      ].concat(['-Dorg.slf4j.simpleLogger.showThreadName=false', '-cp', classPath(context), 'kafka.Kafka', file]),
      cwd: context.run
    }
  },

  async isReady(_context, log) {
    return log.includes('Kafka Server started')
  },

  diagnose(log) {
    if (/Address already in use/.test(log)) return 'its port was taken by another program'
    if (/Failed to acquire lock on file \.lock/.test(log)) return 'another Kafka runs on the same data'
    if (
      /InconsistentClusterIdException|No readable meta\.properties|meta\.properties.*(not found|invalid)|No `?meta\.properties`? found/i.test(
        log
      )
    ) {
      return 'its data folder is damaged'
    }
    if (/CorruptRecordException|KafkaStorageException|Error while loading/.test(log)) return 'its data cannot be read'
    if (/No space left on device/.test(log)) return 'the disk is full'
    return null
  }
}
