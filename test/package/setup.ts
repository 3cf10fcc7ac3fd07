// Packs the package once for all its tests, and installs it in a project with nothing else in it.
// SPDX-License-Identifier: MIT

import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { bareEnvironment, emptyProject, npm, output, root } from './tools.ts'

export default ({ provide }: TestProject): (() => void) => {
  output(process.execPath, ['scripts/pack.mjs'])
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  const tarball = join(root, `ipvs-${version}.tgz`)
  const consumer = emptyProject()
  output(process.execPath, [npm(), 'install', '--ignore-scripts', tarball], {
    cwd: consumer,
    env: bareEnvironment(),
  })
  provide('tarball', tarball)
  provide('consumer', consumer)
  return () => rmSync(consumer, { recursive: true, force: true })
}
