// Headers, compilers, sparse and checkpatch of Debian's suites, unpacked in the cache for headers.mjs.
// SPDX-License-Identifier: MIT
import {
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
import { dirname, join } from 'node:path'
import { cache, Problem, run } from '../../scripts/lib.mjs'
import { privateApt } from '../vm/apt.mjs'
import { fetched, findKernel } from '../vm/kernel.mjs'

const suites = {
  bullseye: ['bullseye', 'bullseye-security'],
  bookworm: ['bookworm', 'bookworm-security'],
  trixie: ['trixie', 'trixie-security', 'trixie-backports'],
  sid: ['sid'],
}

/** Its own sparse, but that of trixie cannot read the headers of 7.x. */
const sparseOf = { trixie: 'sid' }

/** rt: its locks sleep; 686: 32 bits; s390x: big endian; bookworm and sid: an older and a newer compiler. */
export const kernels = [
  { name: '5.10', suite: 'bullseye', meta: 'linux-headers-amd64' },
  { name: '5.10-rt', suite: 'bullseye', meta: 'linux-headers-rt-amd64' },
  { name: '5.10-686', suite: 'bullseye', meta: 'linux-headers-686-pae', arch: 'i386' },
  { name: '6.1', suite: 'bookworm', meta: 'linux-headers-amd64' },
  { name: '6.1-rt', suite: 'bookworm', meta: 'linux-headers-rt-amd64' },
  { name: '6.1-686', suite: 'bookworm', meta: 'linux-headers-686-pae', arch: 'i386' },
  { name: '6.12-bookworm', suite: 'bookworm', meta: 'linux-headers-6.12-amd64' },
  { name: '6.12', suite: 'trixie', meta: 'linux-headers-amd64' },
  { name: '6.12-rt', suite: 'trixie', meta: 'linux-headers-rt-amd64' },
  { name: '6.12-arm64', suite: 'trixie', meta: 'linux-headers-arm64', arch: 'arm64' },
  { name: '6.12-s390x', suite: 'trixie', meta: 'linux-headers-s390x', arch: 's390x' },
  { name: '7.x', suite: 'trixie', meta: 'linux-headers-amd64', from: 'trixie-backports' },
  { name: '7.x-rt', suite: 'trixie', meta: 'linux-headers-rt-amd64', from: 'trixie-backports' },
  { name: '7.x-sid', suite: 'sid', meta: 'linux-headers-amd64' },
]

const triplets = { arm64: 'aarch64-linux-gnu', s390x: 's390x-linux-gnu' }

// What Kbuild calls beside the compiler.
const tools = 'make dash coreutils findutils sed grep mawk bash perl base-files binutils'.split(' ')

/** Does `body` in a folder beside `place`, and renames to `place` what it returns: whole or not at all. */
async function once(place, body) {
  if (existsSync(place)) return place
  mkdirSync(dirname(place), { recursive: true })
  const work = mkdtempSync(join(dirname(place), '.new-'))
  try {
    const made = await body(work)
    if (!existsSync(place)) renameSync(made, place)
    return place
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** An apt for another architecture than amd64. */
async function foreignApt(work, known, arch) {
  const folder = mkdtempSync(join(work, `${arch}-`))
  const apt = await privateApt(folder, known)
  for (const file of ['apt.conf', 'sources.list'].map((name) => join(folder, name)))
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll('amd64', arch))
  await apt('apt-get', 'update')
  return apt
}

async function depends(apt, name, ...options) {
  const text = await apt('apt-cache', 'show', '--no-all-versions', ...options, name)
  return (/^Depends: (.*)$/m.exec(text)?.[1] ?? '').split(/[,|]/).map((item) => item.trim().split(' ')[0])
}

/** Downloads the headers of one kernel. Returns their releases and what they need from amd64. */
async function download(apt, { name, meta, arch, from }) {
  const options = from ? ['-o', `APT::Default-Release=${from}`] : []
  const newest = (await depends(apt, meta, ...options)).find((item) => /^linux-headers-\d/.test(item))
  if (newest === undefined) throw new Problem(`${name}: there is no ${meta}`)
  const packages = new Set([newest])
  // The test machine may boot one that was fetched earlier.
  if (existsSync(fetched(name))) packages.add(`linux-headers-${findKernel(fetched(name)).release}`)
  const needs = []
  let compiler
  for (const headers of packages) {
    const items = await depends(apt, headers)
    const common = items.find((item) => /^linux-headers-.*-common/.test(item))
    if (common === undefined)
      throw new Problem(`${name}: the mirror has no ${headers}: fetch its kernel anew`)
    // Not by `install`: since 6.12 they depend on their image.
    await apt('apt-get', 'download', headers, common)
    const gcc = /gcc-\d+/.exec(items.join(' '))[0]
    compiler ??= arch in triplets ? `${triplets[arch]}-${gcc}` : gcc
    needs.push(items.find((item) => item.startsWith('linux-kbuild-')))
    needs.push(arch in triplets ? `${gcc}-${triplets[arch]}` : gcc)
  }
  return { compiler, needs, releases: [...packages].map((item) => item.replace('linux-headers-', '')) }
}

/** A mirror that is behind with -security of another architecture still has the suite itself. */
async function downloadForeign(work, kernel) {
  const { name, suite, arch } = kernel
  try {
    return await download(await foreignApt(work, suites[suite], arch), kernel)
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    console.error(`headers: ${name}: only of ${suite}: ${/^(?:Err|E):.*\n?.*/m.exec(error.message)?.[0]}`)
    return await download(await foreignApt(work, [suite], arch), kernel)
  }
}

/** A folder to change root into, unpacked only: no package's script runs. kernels.json tells what it has. */
export const fetchRoot = (suite) =>
  once(join(cache, 'headers', suite), async (work) => {
    console.error(`headers: downloading those of ${suite} and their compilers`)
    const native = await privateApt(work, suites[suite])
    const needs = new Set(tools)
    const found = {}
    for (const kernel of kernels.filter((kernel) => kernel.suite === suite)) {
      const one = await (kernel.arch ? downloadForeign(work, kernel) : download(native, kernel))
      for (const need of one.needs) needs.add(need)
      found[kernel.name] = { compiler: one.compiler, releases: one.releases }
    }
    await native('apt-get', 'install', '--download-only', '--no-install-recommends', '-y', ...needs)
    const other = sparseOf[suite]
    const apt = other ? await privateApt(mkdtempSync(join(work, `${other}-`)), [other]) : native
    await apt('apt-get', 'download', 'sparse')
    const root = join(work, 'root')
    mkdirSync(root)
    // Where a package still has /bin and another one a link of that name, the link comes first.
    for (const dir of ['bin', 'sbin', 'lib', 'lib64']) {
      mkdirSync(join(root, 'usr', dir), { recursive: true })
      symlinkSync(`usr/${dir}`, join(root, dir))
    }
    for (const deb of readdirSync(work, { recursive: true }).filter((file) => file.endsWith('.deb'))) {
      const unpack = `dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$2"`
      await run('sh', ['-c', unpack, 'unpack', join(work, deb), root])
    }
    symlinkSync('mawk', join(root, 'usr/bin/awk')) // As mawk's own script would.
    for (const dir of ['dev', 'proc', 'tmp']) mkdirSync(join(root, dir), { recursive: true })
    writeFileSync(join(root, 'kernels.json'), JSON.stringify(found))
    return root
  })

/** The folder of that series' checkpatch.pl and what it reads, from Debian's package of the whole source. */
export const fetchCheckpatch = (suite, series) =>
  once(join(cache, 'checkpatch', series), async (work) => {
    console.error(`headers: downloading the source of ${series} for its checkpatch`)
    const apt = await privateApt(work, suites[suite])
    const source = `linux-source-${series}`
    await apt('apt-get', 'download', source)
    const deb = readdirSync(work).find((file) => file.endsWith('.deb'))
    const files = ['checkpatch.pl', 'spelling.txt', 'const_structs.checkpatch']
    const unpack =
      'dpkg-deb --fsys-tarfile "$0" | tar -xO "./usr/src/$1.tar.xz" | { shift; tar -xJ --occurrence=1 "$@"; }'
    const wanted = files.map((file) => `${source}/scripts/${file}`)
    await run('sh', ['-c', unpack, deb, source, ...wanted], { cwd: work })
    return join(work, source, 'scripts')
  })
