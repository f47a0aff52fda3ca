import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{services,infra,schemas}/**/*.test.ts', 'test/{property,rules,golden,infra,bench}/**/*.test.ts'],
          exclude: ['**/*.integration.test.ts', '**/node_modules/**'],
          // A worker loads a module once, not once for each of 190 files. Tests leave nothing behind: what a file sets in the
          // environment or replaces is put back by vitest after each test.
          isolate: false,
          unstubEnvs: true,
          restoreMocks: true,
          // One worker for each core; the default leaves one core to nobody.
          maxWorkers: '100%',
          // On a busy machine property tests, and tests that start programs, take much longer than vitest’s five seconds.
          testTimeout: 120_000,
          hookTimeout: 120_000
        }
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts', '**/*.integration.test.ts'],
          exclude: ['**/node_modules/**'],
          globalSetup: ['test/support/servers.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // The real servers share two cores with the tests: one file at a time.
          fileParallelism: false
        }
      },
      {
        test: {
          name: 'cluster',
          include: ['test/{cluster,cluster-respond}/**/*.test.ts'],
          globalSetup: ['test/cluster/setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // One node, two cores.
          fileParallelism: false
        }
      }
    ]
  }
})
