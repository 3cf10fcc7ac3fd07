// Builds the kernel of npm run test:kasan in the cache: Debian's 6.1 with debug.config. Takes some ten minutes, once.
// SPDX-License-Identifier: MIT
//
//   node test/vm/debug-kernel.mjs     prints the folder, for --kernel of run.mjs
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { cache, main, Problem, run, which } from '../../scripts/lib.mjs'
import { setup } from '../../scripts/setup.mjs'
import { privateApt } from './apt.mjs'
import { findKernel } from './kernel.mjs'

const fragment = readFileSync(new URL('debug.config', import.meta.url), 'utf8')
const suites = ['bookworm', 'bookworm-updates', 'bookworm-security']
const source = 'linux-source-6.1'
const folder = join(cache, 'debug')

/** All that a kernel is made from beside the version of its source. */
const recipe = createHash('sha256')
  .update(fragment)
  .update(readFileSync(import.meta.filename))
  .digest('hex')
  .slice(0, 8)

const numeric = new Intl.Collator('en', { numeric: true })

/** The newest that was built of this recipe; asks no mirror whether there is a newer source. */
function built() {
  const names = existsSync(folder) ? readdirSync(folder) : []
  const name = names.filter((name) => /^\d/.test(name) && name.endsWith(`-${recipe}`)).sort(numeric.compare)
  return name.length > 0 ? join(folder, name.at(-1)) : undefined
}

/** Unpacks the source to `tree`. Returns its version. */
async function fetchSource(work, tree) {
  const apt = await privateApt(join(work, 'apt'), suites)
  await apt('apt-get', 'download', source)
  const deb = readdirSync(join(work, 'apt')).find((name) => name.endsWith('.deb'))
  await run('dpkg-deb', ['-x', join(work, 'apt', deb), join(work, 'deb')])
  mkdirSync(tree)
  const archive = join(work, `deb/usr/src/${source}.tar.xz`)
  await run('tar', ['-xJf', archive, '-C', tree, '--strip-components=1'])
  const version = await run('dpkg-deb', ['-f', join(work, 'apt', deb), 'Version'])
  return version.toString().trim()
}

/** Faults in the modules only are what the test of memory shortage is made of. Linux 6.2 allows it on x86-64, too. */
function allowStackFilter(tree) {
  const path = join(tree, 'lib/Kconfig.debug')
  const text = readFileSync(path, 'utf8')
  const entry = /^config FAULT_INJECTION_STACKTRACE_FILTER\n(?:[\t ].*\n|\n)*/m
  writeFileSync(
    path,
    text.replace(entry, (found) => found.replace(/^\tdepends on !X86_64\n/m, '')),
  )
}

/** A line that Kconfig drops, because of something else that is off, would be a check that is not made. */
async function configure(make, tree, suffix) {
  const wanted = `${fragment}CONFIG_LOCALVERSION="${suffix}"\n`
  writeFileSync(join(tree, 'fragment'), wanted)
  await make('KCONFIG_ALLCONFIG=fragment', 'allnoconfig')
  const lines = new Set(readFileSync(join(tree, '.config'), 'utf8').split('\n'))
  const dropped = wanted.split('\n').filter((line) => line.startsWith('CONFIG_') && !lines.has(line))
  if (dropped.length > 0) throw new Problem(`debug.config: Kconfig has dropped ${dropped.join(', ')}`)
}

/** What modules are compiled against stays in the tree; the rest is 2 GB. */
function prune(tree) {
  const kept = ['arch', 'include', 'scripts', 'tools', 'Makefile', 'Kbuild', '.config', 'Module.symvers']
  for (const name of readdirSync(tree))
    if (!kept.includes(name)) rmSync(join(tree, name), { recursive: true })
  for (const [place, only] of [
    ['arch', /^x86$/],
    ['arch/x86', /^(include|Makefile.*|Kbuild|entry|lib)$/],
    ['tools', /^(objtool|include|build|scripts|arch)$/],
  ])
    for (const name of readdirSync(join(tree, place)))
      if (!only.test(name)) rmSync(join(tree, place, name), { recursive: true })
}

/** Lays out `done` as findKernel() wants it, with the tree beside. */
async function install(make, tree, done) {
  const release = (await make('-s', 'kernelrelease')).toString().trim()
  const modules = join(done, 'lib/modules', release)
  await make(`INSTALL_MOD_PATH=${done}`, `DEPMOD=${which('depmod')}`, 'modules_install')
  mkdirSync(join(done, 'boot'))
  cpSync(join(tree, 'arch/x86/boot/bzImage'), join(done, 'boot', `vmlinuz-${release}`))
  cpSync(join(tree, '.config'), join(done, 'boot', `config-${release}`))
  prune(tree)
  renameSync(tree, join(done, 'build'))
  for (const link of ['build', 'source']) rmSync(join(modules, link), { force: true })
  symlinkSync('../../../build', join(modules, 'build'))
  findKernel(done) // Says why it cannot be used, if so.
}

/** The folder of the kernel, for findKernel(). */
export async function debugKernel({ log = console.error } = {}) {
  const found = built()
  if (found !== undefined) return found
  await setup({ for: 'kasan', log })
  mkdirSync(folder, { recursive: true })
  const work = mkdtempSync(join(folder, '.new-'))
  try {
    const tree = join(work, 'tree')
    log(`debug-kernel: downloading ${source}`)
    const version = await fetchSource(work, tree)
    // Debian's revision is not in the kernel's own version, but tells kernels apart.
    const suffix = `-${version.replace(/^.*-/, '').replaceAll(/[^\w.]/g, '.')}-debug-${recipe}`
    const make = (...args) =>
      run('nice', ['make', `-j${cpus().length}`, 'KBUILD_BUILD_TIMESTAMP=0', ...args], { cwd: tree })
    allowStackFilter(tree)
    await configure(make, tree, suffix)
    log(`debug-kernel: building ${version}; this takes some ten minutes`)
    await make('bzImage', 'modules')
    const done = join(work, 'done')
    await install(make, tree, done)
    // Renamed when whole, so that an interrupted build is never taken for a kernel.
    const place = join(folder, `${version}-${recipe}`)
    if (!existsSync(place)) renameSync(done, place)
    return place
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

await main(import.meta, async () => console.log(await debugKernel()))
