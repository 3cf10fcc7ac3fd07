// The test projects on what was built: V8 counts dist/*.js, whose source maps lead to lib/*.ts.
// SPDX-License-Identifier: MIT
import { dirname, join, relative, resolve } from 'node:path'
import { defineConfig } from 'vitest/config'
import base from '../../vitest.config.ts'

const root = resolve(import.meta.dirname, '../..')

// Not for this process, which loads much and runs none of ours, but for those that it starts, and that they start.
process.env.NODE_V8_COVERAGE = join(root, '../v8')

/** What tests import of lib/ comes from dist/, and is loaded by Node itself. */
const built = {
  name: 'built',
  enforce: 'pre' as const,
  resolveId(source: string, importer: string | undefined) {
    if (importer === undefined || !source.endsWith('.ts')) return undefined
    const path = relative(join(root, 'lib'), resolve(dirname(importer), source))
    return path.startsWith('..') ? undefined : join(root, 'dist', path.replace(/\.ts$/, '.js'))
  },
}

export default defineConfig({
  test: {
    projects: base.test!.projects!.map((project) => {
      const { test } = project as { test: object }
      return {
        plugins: [built],
        test: {
          ...test,
          setupFiles: [join(root, 'test/coverage/write.ts')],
          server: { deps: { external: [/\/dist\//] } },
        },
      }
    }),
  },
})
