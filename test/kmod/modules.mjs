// Builds kmod/ for the kernel that the test machine boots, and the sender of the tests, in the cache.
// SPDX-License-Identifier: MIT
//
//   node test/kmod/modules.mjs [KERNEL]     as --kernel of test/vm/run.mjs; prints the folder
import { execFileSync } from 'node:child_process'
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
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { cache, main, Problem, root, run, which } from '../../scripts/lib.mjs'
import { fetched, findKernel } from '../vm/kernel.mjs'

const kmod = join(root, 'kmod')
const sender = join(root, 'test/kernel/spray.cc')

/** What the modules are made from; kmod/ may hold what other builds left there. */
const sources = () =>
  readdirSync(kmod)
    .filter((file) => /\.([ch]|def)$|^Kbuild$/.test(file) && !file.endsWith('.mod.c'))
    .sort()
    .map((file) => join(kmod, file))

/**
 * Where they are for that kernel: `spray`; and `index`, what goes to /lib/modules/RELEASE: updates/ip_vs_NAME.ko, and
 * the files of depmod, which takes minutes in the machine.
 */
export function modulesFolder(release) {
  const hash = createHash('sha256')
  for (const file of [...sources(), sender, import.meta.filename])
    hash.update(`${basename(file)}\0`).update(readFileSync(file))
  return join(cache, 'modules', `${release}-${hash.digest('hex').slice(0, 16)}`)
}

/** With its own headers, those that are installed, or those of the suite (Debian's) that headers.mjs fetches. */
async function compile({ release, modules }, folder) {
  const headers = [
    join(modules, 'build'),
    `/lib/modules/${release}/build`,
    `/usr/src/linux-headers-${release}`,
  ].find((path) => existsSync(join(path, 'Makefile')))
  if (headers !== undefined) {
    for (const file of sources()) cpSync(file, join(folder, basename(file)))
    await run('make', ['-C', headers, `M=${folder}`, 'W=1', 'IPVS_DEBUG=y', 'modules'])
    return folder
  }
  const series = ['5.10', '6.1', '6.12', '7.x'].find((name) => release.startsWith(`${name.replace('x', '')}`))
  if (series === undefined) throw new Problem(`no kernel headers: apt-get install linux-headers-${release}`)
  const printed = await run(process.execPath, [join(import.meta.dirname, 'headers.mjs'), series])
  return printed.toString().trim().split('\n').at(-1)
}

/** Of symbolic links to the kernel's modules and copies of ours, so that modprobe finds them by name. */
async function index({ release, modules }, built, folder) {
  const place = join(folder, 'lib/modules', release)
  const updates = join(place, 'updates')
  mkdirSync(updates, { recursive: true })
  symlinkSync(join(modules, 'kernel'), join(place, 'kernel'))
  for (const name of ['modules.order', 'modules.builtin', 'modules.builtin.modinfo'])
    if (existsSync(join(modules, name))) cpSync(join(modules, name), join(place, name))
  for (const name of ['msh', 'maglev', 'hrw']) {
    const file = join(updates, `ip_vs_${name}.ko`)
    cpSync(join(built, `ip_vs_${name}.ko`), file)
    const vermagic = execFileSync(which('modinfo'), ['-F', 'vermagic', file], { encoding: 'utf8' })
    if (vermagic.split(' ')[0] !== release)
      throw new Problem(`${file} is for ${vermagic.trim()}, not for ${release}`)
  }
  await run(which('depmod'), ['-b', folder, release])
  rmSync(join(place, 'kernel'))
  renameSync(place, join(folder, 'index'))
}

/** That folder for a kernel as findKernel() returns it; builds only what is not there. */
export async function schedulerModules(kernel) {
  const place = modulesFolder(kernel.release)
  if (existsSync(place)) return place
  mkdirSync(dirname(place), { recursive: true })
  const work = mkdtempSync(join(dirname(place), '.new-'))
  try {
    const folder = join(work, 'done')
    mkdirSync(folder)
    mkdirSync(join(work, 'kmod'))
    await run('g++', [
      '-std=c++17',
      '-O2',
      '-Wall',
      '-Wextra',
      '-Werror',
      '-o',
      join(folder, 'spray'),
      sender,
    ])
    await index(kernel, await compile(kernel, join(work, 'kmod')), folder)
    rmSync(join(folder, 'lib'), { recursive: true })
    // Renamed when whole, so that an interrupted build is never taken for one.
    if (!existsSync(place)) renameSync(folder, place)
    return place
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

await main(import.meta, async ([spec]) => {
  // The name of one that kernels.mjs has fetched comes before a folder of that name.
  const named = spec !== undefined && existsSync(fetched(spec)) ? fetched(spec) : spec
  console.log(await schedulerModules(findKernel(named)))
})
