// Packs the package once for all its tests, and installs it in a project with nothing else in it.
// SPDX-License-Identifier: MIT

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { bareEnvironment, emptyProject, npm, output, root } from './tools.ts'

export default ({ provide }: TestProject): (() => void) => {
  output(process.execPath, ['scripts/pack.mjs'])
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  const tarball = join(root, `ipvs-${version}.tgz`)
  const scratch = mkdtempSync(join(tmpdir(), 'ipvs-package-'))
  const consumer = emptyProject(scratch)
  output(process.execPath, [npm(), 'install', '--ignore-scripts', tarball], {
    cwd: consumer,
    env: bareEnvironment(process.execPath, scratch),
  })
  provide('scratch', scratch)
  provide('tarball', tarball)
  provide('consumer', consumer)
  return () => rmSync(scratch, { recursive: true, force: true })
}
