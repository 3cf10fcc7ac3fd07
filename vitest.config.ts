// Test projects: unit runs anywhere; the others run only inside the test machine.
import { defineConfig } from 'vitest/config'
import { patience } from './test/kernel/slowness.ts'

/** These need the modules of kmod/, built for the kernel of the machine. */
const schedulers = 'test/kernel/schedulers*.test.ts'
const files = (...names: string[]) => names.map((name) => `test/kernel/${name}.test.ts`)
/** What operates a director; and the command line, with the README's snippets and the examples. */
const operation = files('plan*', 'reconcile', 'drain', 'watch')
const cli = files('cli*', 'readme', 'examples')
/** What sets a director and its real servers up, and looks at them. */
const setup = files('vip*', 'doctor*', 'sysctls*', 'connections*', 'top*')
/** These need several processors; what they look for shows at times only, so they have no second try. */
const parallel = { kernel: files('workers'), schedulers: files('schedulers-churn') }
/** These need a debug kernel on top, which makes its own memory short. */
const debug = 'test/kernel/debug-*.test.ts'

/** These use the tarball; platforms needs programs that npm and apt have to fetch first. */
const packed = {
  pool: 'forks',
  globalSetup: 'test/package/setup.ts',
  testTimeout: 300_000,
  hookTimeout: 300_000,
} as const

/**
 * One process for all files: to load and compile everything anew for each takes an emulated processor minutes. A second
 * try for what depends on time, which passes there in leaps; test/reporter.ts names who needed it.
 */
const inMachine = {
  retry: 1,
  pool: 'forks',
  isolate: false,
  fileParallelism: false,
  testTimeout: 60_000 * patience,
  hookTimeout: 60_000 * patience,
} as const

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          pool: 'forks',
          testTimeout: 60_000 * patience,
        },
      },
      { test: { name: 'package', include: ['test/package/*.test.ts'], ...packed } },
      { test: { name: 'platforms', include: ['test/package/platforms/*.test.ts'], ...packed } },
      {
        test: {
          name: 'kernel',
          include: ['test/kernel/**/*.test.ts'],
          exclude: [schedulers, debug, ...operation, ...cli, ...setup, ...parallel.kernel],
          ...inMachine,
        },
      },
      { test: { name: 'kernel-parallel', include: parallel.kernel, ...inMachine, retry: 0 } },
      { test: { name: 'operation', include: operation, ...inMachine } },
      { test: { name: 'cli', include: cli, ...inMachine } },
      { test: { name: 'setup', include: setup, ...inMachine } },
      { test: { name: 'schedulers', include: [schedulers], exclude: parallel.schedulers, ...inMachine } },
      { test: { name: 'schedulers-parallel', include: parallel.schedulers, ...inMachine, retry: 0 } },
      { test: { name: 'debug', include: [schedulers, debug], ...inMachine, retry: 0 } },
    ],
  },
})
