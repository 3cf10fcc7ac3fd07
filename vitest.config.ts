// Test projects: unit runs anywhere; the others run only inside the test machine.
import { defineConfig } from 'vitest/config'
import { slowness } from './test/kernel/slowness.ts'

/** These need the modules of kmod/, built for the kernel of the machine. */
const schedulers = 'test/kernel/schedulers*.test.ts'
const files = (...names: string[]) => names.map((name) => `test/kernel/${name}.test.ts`)
/** What operates a director, and the command line with the README's snippets. */
const operation = files('plan*', 'reconcile', 'drain', 'watch')
const cli = files('cli*', 'readme')
/** What is around IPVS on a machine: sysctls, links, addresses. */
const setup = files('doctor*', 'sysctls*')
/** These need a debug kernel on top, which makes its own memory short. */
const debug = 'test/kernel/debug-*.test.ts'

const inMachine = {
  pool: 'forks',
  fileParallelism: false,
  testTimeout: 60_000 * slowness,
  hookTimeout: 60_000 * slowness,
} as const

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], pool: 'forks', testTimeout: 60_000 } },
      {
        test: {
          name: 'kernel',
          include: ['test/kernel/**/*.test.ts'],
          exclude: [schedulers, debug, ...operation, ...cli, ...setup],
          ...inMachine,
        },
      },
      { test: { name: 'operation', include: operation, ...inMachine } },
      { test: { name: 'cli', include: cli, ...inMachine } },
      { test: { name: 'setup', include: setup, ...inMachine } },
      { test: { name: 'schedulers', include: [schedulers], ...inMachine } },
      { test: { name: 'debug', include: [schedulers, debug], ...inMachine } },
    ],
  },
})
