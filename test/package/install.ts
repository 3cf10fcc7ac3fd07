// An installation of the tarball by any npm: silent, without a compiler, and nothing is run.
// SPDX-License-Identifier: MIT

import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { bareEnvironment, emptyProject, type Outcome, run } from './tools.ts'

/** One line that says what was done. A warning would go to the standard error, a script's name to the output. */
const silently = (outcome: Outcome): void => {
  expect(outcome).toEqual({
    status: 0,
    stdout: expect.stringMatching(/^\s*added 1 package in \d+m?s\s*$/),
    stderr: '',
  })
}

/** `script` is npm's, run by `node`. */
export const installs = (node: string, script: string, tarball: string): void => {
  const folder = emptyProject()
  const env = bareEnvironment(node)
  const call = (...args: string[]): Outcome => run(node, [script, ...args], { cwd: folder, env })
  silently(call('install', '--foreground-scripts', tarball))
  // What npm keeps of a package in the lock file decides what `npm ci` runs: not all of package.json.
  expect(readFileSync(join(folder, 'package-lock.json'), 'utf8')).not.toMatch(/hasInstallScript|gypfile/)
  rmSync(join(folder, 'node_modules'), { recursive: true })
  silently(call('ci', '--foreground-scripts'))
  expect(existsSync(join(folder, 'node_modules/ipvs/native/addon.cc'))).toBe(true)
  expect(existsSync(join(folder, 'node_modules/ipvs/native/build'))).toBe(false)
}
