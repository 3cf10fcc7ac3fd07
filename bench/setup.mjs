// Installs what the benchmarks need beside what the test machine does, and compiles the floor.
// SPDX-License-Identifier: MIT
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Problem, root, run, which } from '../scripts/lib.mjs'
import { installModules } from '../scripts/setup.mjs'

export const floorProgram = join(root, 'build/bench/floor')

/** Program to package, of those that scripts/setup.mjs does not install for the demo already. */
const programs = {
  gcc: 'gcc',
  strace: 'strace',
  nsenter: 'util-linux',
  'iptables-legacy': 'iptables',
  nft: 'nftables',
  keepalived: 'keepalived',
}
const files = {
  '/usr/include/linux/ip_vs.h': 'linux-libc-dev',
  '/usr/include/stdio.h': 'libc6-dev',
  '/usr/lib/python3/dist-packages/pyroute2': 'python3-pyroute2',
}

const missing = () => [
  ...Object.keys(programs).flatMap((name) => (which(name) ? [] : [programs[name]])),
  ...Object.keys(files).flatMap((path) => (existsSync(path) ? [] : [files[path]])),
]

const aptOptions = ['-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=300']

async function installPackages() {
  const packages = missing()
  if (packages.length === 0) return
  if (which('apt-get') === undefined)
    throw new Problem(`bench: this is not Debian or Ubuntu; install what these hold: ${packages.join(' ')}`)
  if (process.getuid() !== 0) {
    const install = `sudo apt-get install -y --no-install-recommends ${packages.join(' ')}`
    throw new Problem(`bench: run this first, then again:\n\n  sudo apt-get update && ${install}\n`)
  }
  console.log(`bench: apt-get install ${packages.join(' ')}`)
  await run('apt-get', ['update', '-q', '-o', 'DPkg::Lock::Timeout=300'])
  await run('apt-get', ['install', ...aptOptions, ...packages], {
    env: { DEBIAN_FRONTEND: 'noninteractive' },
  })
  const left = missing()
  if (left.length > 0) throw new Problem(`bench: still missing after the installation: ${left.join(' ')}`)
}

async function compileFloor() {
  const source = join(import.meta.dirname, 'floor.c')
  const built = statSync(floorProgram, { throwIfNoEntry: false })
  if (built && built.mtimeMs > statSync(source).mtimeMs) return
  mkdirSync(dirname(floorProgram), { recursive: true })
  await run('gcc', ['-O2', '-Wall', '-Wextra', '-Werror', '-o', floorProgram, source])
}

export async function setup() {
  await installPackages()
  await Promise.all([installModules('bench', console.log), compileFloor()])
}
