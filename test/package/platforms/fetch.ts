// Programs that npm has as packages: other versions of Node, Bun, Deno, npm. Kept in the cache, as kernels are.
// SPDX-License-Identifier: MIT

import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { output } from '../tools.ts'

const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'ipvs-test/programs')

/** The path of `file` in the package; whatever system or processor that says it is for. */
export const fetched = (name: string, version: string, file: string): string => {
  const folder = join(cache, `${name.replace('/', '+')}@${version}`)
  const path = join(folder, 'node_modules', name, file)
  if (existsSync(path)) return path
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true }))
  const options = ['--no-save', '--ignore-scripts', '--force', '--no-audit', '--no-fund']
  output('npm', ['install', ...options, `${name}@${version}`], { cwd: folder })
  return path
}

/** The test's own words: an answer of the addon, and one that needs its thread pool and a socket. */
export const use = `
const servers = [1, 2].map((i) => ({ address: '10.0.0.' + i, port: 80, weight: 1 }))
console.log(ipvs.predict('msh', servers).checksum)
const opened = ipvs.Ipvs.open().then((director) => director.close(), ({ reason }) => reason)
opened.then((reason) => console.log(reason ?? 'opened'))
`
export const imported = `import * as ipvs from 'ipvs'\n${use}`
export const required = `const ipvs = require('ipvs')\n${use}`

/** The host may have IPVS or not: the kernel was asked, and its answer understood. */
export const answer = {
  status: 0,
  stdout: expect.stringMatching(/^d6085c21465a8b05\n(opened|ipvs-unavailable)\n$/),
}
