// Builds kmod/ for the kernels of other Debian suites, each with its own headers and compiler, in the cache.
// SPDX-License-Identifier: MIT
//
//   node test/kmod/headers.mjs NAME...     5.10 6.1 6.12 7.x; prints the folder of the modules
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { cache, main, Problem, run } from '../../scripts/lib.mjs'
import { privateApt } from '../vm/apt.mjs'

const suites = {
  '5.10': ['bullseye', 'bullseye-security'],
  6.1: ['bookworm', 'bookworm-security'],
  6.12: ['trixie', 'trixie-security'],
  '7.x': ['trixie', 'trixie-backports'],
}

const kmod = resolve(import.meta.dirname, '../../kmod')

// The headers bring the compiler; this is what else Kbuild calls.
const tools = [
  'make',
  'dash',
  'coreutils',
  'findutils',
  'sed',
  'grep',
  'mawk',
  'bash',
  'perl',
  'base-files',
  'binutils',
]

/** A folder to change root into, unpacked only: no package's script runs. */
async function fetchRoot(name) {
  const place = join(cache, 'headers', name)
  if (existsSync(place)) return place
  mkdirSync(dirname(place), { recursive: true })
  const work = mkdtempSync(join(dirname(place), '.new-'))
  try {
    const apt = await privateApt(work, suites[name])
    const newest = name === '7.x' ? ['-t', 'trixie-backports'] : []
    console.error(`headers: downloading those of ${name} and their compiler`)
    const options = ['--download-only', '--no-install-recommends', '-y', ...newest]
    await apt('apt-get', 'install', ...options, 'linux-headers-amd64', ...tools)
    const root = join(work, 'root')
    mkdirSync(root)
    // Where a package still has /bin and another one a link of that name, the link comes first.
    for (const dir of ['bin', 'sbin', 'lib', 'lib64']) {
      mkdirSync(join(root, 'usr', dir), { recursive: true })
      symlinkSync(`usr/${dir}`, join(root, dir))
    }
    const archives = join(work, 'cache/archives')
    for (const deb of readdirSync(archives).filter((file) => file.endsWith('.deb'))) {
      const unpack = `dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$2"`
      await run('sh', ['-c', unpack, 'unpack', join(archives, deb), root])
    }
    symlinkSync('mawk', join(root, 'usr/bin/awk')) // As mawk's own script would.
    for (const dir of ['dev', 'proc', 'tmp']) mkdirSync(join(root, dir), { recursive: true })
    if (!existsSync(place)) renameSync(root, place)
    return place
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** Compiles a copy of kmod/ there; any warning is a failure. */
async function build(name) {
  if (!(name in suites)) throw new Problem(`no headers ${name}; there are: ${Object.keys(suites).join(' ')}`)
  const root = await fetchRoot(name)
  const copy = join(root, 'kmod')
  rmSync(copy, { recursive: true, force: true })
  mkdirSync(copy)
  for (const file of readdirSync(kmod).filter(
    (file) => /\.([ch]|def)$|^Kbuild$/.test(file) && !file.endsWith('.mod.c'),
  ))
    cpSync(join(kmod, file), join(copy, file))
  const headers = readdirSync(join(root, 'usr/src')).find((file) => /^linux-headers-.*-amd64$/.test(file))
  if (headers === undefined) throw new Problem(`no headers in ${root}`)
  const make = `make -C /usr/src/${headers} M=/kmod W=1 IPVS_DEBUG=y modules 2>&1`
  // Bound in a mount namespace of its own: nothing changes on this machine.
  const bind = 'mount --bind /dev "$1/dev" && mount --bind /proc "$1/proc"'
  const script = `${bind} && LANG=C PATH=/usr/bin:/bin:/usr/sbin:/sbin exec chroot "$1" sh -c "$2"`
  const log = (await run('unshare', ['-m', 'sh', '-c', script, 'build', root, make])).toString()
  const warnings = log.split('\n').filter((line) => /warning|error/i.test(line) && !/BTF/.test(line))
  if (warnings.length > 0) throw new Problem(`${name}: ${warnings.join('\n')}`)
  console.error(
    `headers: ${name}: ${headers}: ${readdirSync(copy)
      .filter((file) => file.endsWith('.ko'))
      .join(' ')}`,
  )
  return copy
}

await main(import.meta, async (names) => {
  if (names.length === 0)
    throw new Problem(`usage: node test/kmod/headers.mjs ${Object.keys(suites).join('|')}...`)
  for (const name of names) console.log(await build(name))
})
