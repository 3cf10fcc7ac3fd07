// Makes a fresh Debian or Ubuntu machine ready: system packages, a kernel to test on, npm packages.
// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { findBusybox } from '../test/vm/bootfiles.mjs'
import { findKernel } from '../test/vm/kernel.mjs'
import { main, osRelease, Problem, root, run, which } from './lib.mjs'

/** What every use needs: program to package. Debian's own nodejs comes without npm. */
const always = {
  'g++': 'g++',
  make: 'make',
  python3: 'python3',
  npm: 'npm',
  'qemu-system-x86_64': 'qemu-system-x86',
  depmod: 'kmod',
  ip: 'iproute2',
  ipvsadm: 'ipvsadm',
  setpriv: 'util-linux',
  xz: 'xz-utils',
  zstd: 'zstd',
}
/** What only the tests need. */
const forTests = { strace: 'strace', clang: 'clang' }
/** What it takes to pack for every platform, and to compare the two builds. */
const forPackage = { 'aarch64-linux-gnu-g++': 'g++-aarch64-linux-gnu', cmake: 'cmake' }
/** Other platforms to try the package on. */
const forPlatforms = { 'qemu-aarch64-static': 'qemu-user-static', 'musl-gcc': 'musl-tools', dkms: 'dkms' }
/** What building a kernel needs on top, beside libelf-dev, which is no program. */
const forKernel = { flex: 'flex', bison: 'bison', bc: 'bc' }
const programsFor = {
  demo: always,
  test: { ...always, ...forTests, ...forPackage },
  platforms: { ...always, ...forPackage, ...forPlatforms },
  kasan: { ...always, ...forKernel },
}

/** libFuzzer and the sanitizers of the default clang lie beside it, in a package of their own since clang 14. */
function hasClangRuntime() {
  const clang = which('clang')
  if (clang === undefined) return false
  const versions = join(dirname(dirname(realpathSync(clang))), 'lib/clang')
  if (!existsSync(versions)) return false
  return readdirSync(versions).some((version) => {
    const folder = join(versions, version, 'lib/linux')
    return existsSync(folder) && readdirSync(folder).some((name) => name.startsWith('libclang_rt.fuzzer-'))
  })
}

/** That package's name here; none where the runtime comes with clang itself (Ubuntu 22.04). */
async function clangRuntimePackage() {
  const known = async (name) => (await run('apt-cache', ['search', '--names-only', `^${name}$`])).length > 0
  // Without package lists, as in a fresh container, nothing is known: they are there at the next try.
  if (!(await known('clang'))) return []
  if (await known('libclang-rt-dev')) return ['libclang-rt-dev']
  const version = /Depends: clang-(\d+)/.exec(await run('apt-cache', ['depends', 'clang']))?.[1]
  const name = `libclang-rt-${version}-dev`
  return version !== undefined && (await known(name)) ? [name] : []
}

/** Why there is no kernel to boot, or undefined. */
function kernelProblem() {
  try {
    findKernel()
  } catch (error) {
    if (error instanceof Problem) return error.message
    throw error
  }
  return undefined
}

/** The schedulers are built for the kernel that the tests boot. */
function hasHeaders() {
  if (kernelProblem() !== undefined) return false
  const { release } = findKernel()
  return [`/lib/modules/${release}/build`, `/usr/src/linux-headers-${release}`].some((folder) =>
    existsSync(join(folder, 'Makefile')),
  )
}

/** Packages to install; looks at files only, so that asking costs nothing once all is there. */
function missingPackages(purpose) {
  const programs = programsFor[purpose]
  const packages = Object.keys(programs).flatMap((name) => (which(name) ? [] : [programs[name]]))
  if (findBusybox() === undefined) packages.push('busybox-static')
  if (purpose === 'kasan' && !existsSync('/usr/include/gelf.h')) packages.push('libelf-dev')
  const [image, headers] =
    osRelease().ID === 'ubuntu'
      ? ['linux-image-generic', 'linux-headers-generic']
      : ['linux-image-amd64', 'linux-headers-amd64']
  const headless = ['test', 'platforms'].includes(purpose) && !hasHeaders()
  // There are headers for the newest kernel only, which may be another than the one that is here.
  if (kernelProblem() !== undefined || headless) packages.push(image)
  if (headless) packages.push(headers)
  return packages
}

const aptOptions = ['-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=300']

async function installPackages(purpose, log) {
  const packages = missingPackages(purpose)
  const runtime = purpose === 'test' && !hasClangRuntime()
  if (packages.length === 0 && !runtime) return
  if (which('apt-get') === undefined) {
    throw new Problem(
      `setup: this is not Debian or Ubuntu; install what these packages hold: ${packages.join(' ')}`,
    )
  }
  if (process.getuid() !== 0) {
    const names = [...packages, ...(runtime ? await clangRuntimePackage() : [])]
    // Ubuntu's kernel images are readable for root only.
    const readable = kernelProblem() ? " && sudo sh -c 'chmod a+r /boot/vmlinuz-*'" : ''
    const install = `sudo apt-get install -y --no-install-recommends ${names.join(' ')}`
    throw new Problem(
      `setup: run this first, then again:\n\n  sudo apt-get update && ${install}${readable}\n`,
    )
  }
  log('setup: apt-get update')
  await run('apt-get', ['update', '-q', '-o', 'DPkg::Lock::Timeout=300'])
  if (runtime) packages.push(...(await clangRuntimePackage()))
  if (packages.length > 0) {
    log(`setup: apt-get install ${packages.join(' ')}`)
    await run('apt-get', ['install', ...aptOptions, ...packages], {
      env: { DEBIAN_FRONTEND: 'noninteractive' },
    })
  }
  const left = [...missingPackages(purpose), kernelProblem()].filter(Boolean)
  if (purpose === 'test' && !hasClangRuntime()) left.push('libFuzzer for clang')
  if (left.length > 0) throw new Problem(`setup: still missing after the installation: ${left.join(' ')}`)
}

/** npm ci in a folder of the checkout, unless its node_modules was made from this very lock file. */
export async function installModules(folder, log) {
  const path = join(root, folder)
  const lock = createHash('sha256')
    .update(readFileSync(join(path, 'package-lock.json')))
    .digest('hex')
  const stamp = join(path, 'node_modules/.ipvs-setup')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return
  log(`setup: npm ci${folder === '.' ? '' : ` in ${folder}`}`)
  await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: path })
  writeFileSync(stamp, lock)
}

/** Installs what is missing for a purpose of `programsFor`. Throws a Problem that says what to do if it cannot. */
export async function setup({ for: purpose = 'test', log = console.log } = {}) {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new Problem(`setup: Node 20.19 or later is needed; this is ${process.versions.node}`)
  }
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Problem('setup: the test machine needs Linux on x86-64')
  }
  await installPackages(purpose, log)
  await installModules('.', log)
  if (purpose === 'test') await installModules('examples/exporter', log)
}

await main(import.meta, async ([purpose = 'test']) => {
  if (!Object.hasOwn(programsFor, purpose))
    throw new Problem('usage: node scripts/setup.mjs [test|demo|platforms|kasan]')
  await setup({ for: purpose })
  console.log('setup: ready')
})
