// The shell lines of the README, and how they are run: with the command line of this checkout in front of all others.
// SPDX-License-Identifier: MIT

import { mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import type { Namespace } from './namespace.ts'

export const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))
export const readme = readFileSync(at('README.md'), 'utf8')

/** A folder whose `ipvs`, and `ipvsadm`, are the command line of this checkout. */
const commands = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'readme-bin-'))
  writeFileSync(
    join(folder, 'ipvs'),
    `#!/bin/sh\nexec ${process.execPath} ${at('dist/cli/main.js')} "$@"\n`,
    {
      mode: 0o755,
    },
  )
  symlinkSync('ipvs', join(folder, 'ipvsadm'))
  return folder
}

/** Blocks of shell lines: indented, and no JavaScript. */
export const shellBlocks = [...readme.matchAll(/\n\n((?: {4}\S.*\n)+)/g)]
  .map(([, block]) => block!.replace(/^ {4}/gm, ''))
  .filter((block) => !/^import /.test(block))

export const blockWith = (text: string): string => {
  const found = shellBlocks.filter((block) => block.includes(text))
  expect(found.length).toBe(1)
  return found[0]!
}

/** Runs shell lines with our commands in front of all others. */
export const shellIn = (netns: Namespace): ((script: string) => string) => {
  const folder = commands()
  return (script) => netns.exec('sh', '-ec', `PATH=${folder}:$PATH; cd ${folder}; ${script}`)
}
