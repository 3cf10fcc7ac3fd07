// Test projects: unit runs anywhere; kernel and schedulers run only inside the test machine.
import { defineConfig } from 'vitest/config'

/** These need the modules of kmod/, built for the kernel of the machine. */
const schedulers = 'test/kernel/schedulers*.test.ts'

const inMachine = {
  pool: 'forks',
  fileParallelism: false,
  testTimeout: 60_000,
  hookTimeout: 60_000,
} as const

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], pool: 'forks' } },
      {
        test: { name: 'kernel', include: ['test/kernel/**/*.test.ts'], exclude: [schedulers], ...inMachine },
      },
      { test: { name: 'schedulers', include: [schedulers], ...inMachine } },
    ],
  },
})
