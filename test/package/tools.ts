// What the tests of the package share: programs run to their end, folders as a consumer has them.
// SPDX-License-Identifier: MIT

import { spawnSync } from 'node:child_process'
import { mkdtempSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inject } from 'vitest'

export const root = fileURLToPath(new URL('../..', import.meta.url))

export interface Outcome {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/**
 * Never throws: what a program says and how it ends is what these tests are about. Without colours, which CI=true
 * would ask for.
 */
export const run = (
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Outcome => {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: root,
    env: { ...process.env, NO_COLOR: '1' },
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    ...options,
  })
  return { status: status ?? 127, stdout: stdout ?? '', stderr: (stderr ?? '') + (error?.message ?? '') }
}

/** What it prints; an error with all of it when it fails. */
export const output = (...call: Parameters<typeof run>): string => {
  const { status, stdout, stderr } = run(...call)
  if (status !== 0)
    throw new Error(`${[call[0], ...call[1]].join(' ')}: status ${status}\n${stdout}${stderr}`)
  return stdout
}

/** An empty project that would like to use the package; removed when all tests are done, as `scratch` is. */
export const emptyProject = (scratch: string = inject('scratch')): string => {
  const folder = mkdtempSync(join(scratch, 'project-'))
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'consumer', private: true }))
  return folder
}

/** No compiler, no make, no Python in PATH: Node, npm and a shell. No settings of this machine's user. */
export const bareEnvironment = (
  node = process.execPath,
  scratch: string = inject('scratch'),
): NodeJS.ProcessEnv => {
  const folder = mkdtempSync(join(scratch, 'path-'))
  symlinkSync(realpathSync(node), join(folder, 'node'))
  symlinkSync('/bin/sh', join(folder, 'sh'))
  const settings = { audit: 'false', fund: 'false', update_notifier: 'false', userconfig: '/dev/null' }
  return {
    PATH: folder,
    HOME: folder,
    ...Object.fromEntries(Object.entries(settings).map(([name, value]) => [`npm_config_${name}`, value])),
  }
}

/** The script of the npm that is installed here: the one that runs this, or else the first in PATH. */
export const npm = (): string =>
  process.env.npm_execpath ?? realpathSync(output('sh', ['-c', 'command -v npm']).trim())

declare module 'vitest' {
  interface ProvidedContext {
    /** A folder for what tests leave behind. */
    readonly scratch: string
    /** The path of the tarball. */
    readonly tarball: string
    /** A project that has it installed, with scripts disabled. */
    readonly consumer: string
  }
}
