import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{services,infra,schemas}/**/*.test.ts', 'test/{property,rules,golden,infra,bench}/**/*.test.ts'],
          exclude: ['**/*.integration.test.ts', '**/node_modules/**'],
          // Property tests on a busy machine take longer than vitest's five seconds.
          testTimeout: 60_000
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
