// npm run test:headers: kmod/ compiled, and read by sparse and checkpatch, for the kernels of all Debian suites.
// SPDX-License-Identifier: MIT
//
//   node test/kmod/headers.mjs check [NAME...]   these or all; prints a table
//   node test/kmod/headers.mjs NAME...           compiles only, for the tests; prints the folder of the modules
//
// What is downloaded stays in the cache; remove its folders headers/ and checkpatch/ to get newer ones.
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { main, Problem, run, root as top } from '../../scripts/lib.mjs'
import { fetched, findKernel } from '../vm/kernel.mjs'
import { fetchCheckpatch, fetchRoot, kernels } from './suites.mjs'

const kmod = join(top, 'kmod')

/** kmod/ may hold what other builds left there. */
const sources = readdirSync(kmod).filter((file) => /\.([ch]|def)$/.test(file) && !file.endsWith('.mod.c'))

/** A mistake for each check, in a module of its own. Where it is not found, the check is blind. */
const planted = `// SPDX-License-Identifier: GPL-2.0
#include "ip_vs_maglev.c"

int planted(struct ip_vs_service *svc)
{
	u16 port = svc->port;

	if(port)
		return 0;
	return atomic_read(&svc->scheduler->refcnt);
}
`
const expected = {
  compiler: [/planted\.c:\d+.* warning: no previous prototype/],
  sparse: [/planted\.c:\d+.*different base types/, /planted\.c:\d+.*(noderef|address space)/],
  checkpatch: [/planted\.c:\d+: .*SPACING/],
}

const isWarning = (line) => /warning|error/i.test(line) && !/BTF/.test(line)

/** About the kernel's own headers sparse always has something to say. */
const ours = new RegExp(`^(/check-[^/]+/|\\./)?(${[...sources, 'planted.c'].join('|')}):\\d`)
const isOurs = (line) => ours.test(line)

const isFinding = { compiler: isWarning, sparse: isOurs, checkpatch: isOurs }

/** Runs one of them. Returns what it says about kmod/; also that it failed, or did not see what was planted. */
async function findings(check, command, args, cwd) {
  const failure = []
  const said = await run(command, args, { cwd }).catch((error) => {
    if (!(error instanceof Problem)) throw error
    if (check !== 'checkpatch') failure.push(error.message) // Whose status tells of findings.
    return error.message
  })
  const lines = [...new Set(said.toString().split('\n').filter(isFinding[check]))]
  const blind = expected[check].filter((pattern) => !lines.some((line) => pattern.test(line)))
  return [
    ...failure,
    ...lines.filter((line) => !/planted\.c/.test(line)),
    ...blind.map((pattern) => `${check} does not find what was planted: ${pattern}`),
  ]
}

/** The arguments of `unshare` to run a command below `root`: in mounts of its own, nothing changes on this machine. */
function below(root, command) {
  const bind = 'mount --bind /dev "$1/dev" && mount --bind /proc "$1/proc"'
  const script = `${bind} && LANG=C PATH=/usr/bin:/bin:/usr/sbin:/sbin exec chroot "$1" sh -c "$2 2>&1"`
  return ['-m', 'sh', '-c', script, 'headers', root, command]
}

/** A copy of kmod/ below the root of that kernel's suite, and the command that compiles it. */
async function prepare(kernel, folder, booted) {
  const root = await fetchRoot(kernel.suite)
  const { releases, compiler } = JSON.parse(readFileSync(join(root, 'kernels.json'), 'utf8'))[kernel.name]
  const release = booted ?? releases[0]
  if (!releases.includes(release)) throw new Problem(`${root} has no headers of ${release}: remove it`)
  const copy = join(root, folder)
  rmSync(copy, { recursive: true, force: true })
  mkdirSync(copy)
  for (const file of [...sources, 'Kbuild']) cpSync(join(kmod, file), join(copy, file))
  return { root, copy, release, compiler, make: `make -C /usr/src/linux-headers-${release} M=/${folder} W=1` }
}

/** Compiles for the tests, for the kernel they boot; any warning is a failure. */
async function build(kernel) {
  const { name } = kernel
  const booted = existsSync(fetched(name)) ? findKernel(fetched(name)).release : undefined
  const { root, copy, release, make } = await prepare(kernel, `kmod-${name}`, booted)
  const log = (await run('unshare', below(root, `${make} IPVS_DEBUG=y modules`))).toString()
  const warnings = log.split('\n').filter(isWarning)
  if (warnings.length > 0) throw new Problem(`${name}: ${warnings.join('\n')}`)
  console.error(`headers: ${name}: ${release}`)
  return copy
}

const row = (...cells) => {
  const widths = [13, 23, 32, 8, 18, 18]
  const padded = cells.map((cell, i) => `${cell}`.padEnd(widths[i]))
  console.log(padded.join(' ').trimEnd())
}

/** All checks for one kernel. Prints its row; returns what was found, check by check. */
async function check(kernel) {
  const { root, copy, release, compiler, make } = await prepare(kernel, `check-${kernel.name}`)
  const series = /^\d+\.\d+/.exec(release)[0]
  const scripts = await fetchCheckpatch(kernel.suite, series)
  writeFileSync(join(copy, 'planted.c'), planted)
  appendFileSync(join(copy, 'Kbuild'), 'obj-m += planted.o\n')
  const tell = async (command) => (await run('unshare', below(root, command))).toString().trim()
  const compile = (more) => findings('compiler', 'unshare', below(root, `${make} ${more} modules`))
  // With C=2 nothing would be read where Debian's headers lack the script that looks for sparse.
  const read = `${make} IPVS_DEBUG=y KBUILD_CHECKSRC=2 CF='-D__CHECK_ENDIAN__ -fmax-warnings=unlimited' modules`
  const style = [
    '--no-tree',
    '--strict',
    '--no-summary',
    '--terse',
    '--show-types',
    '-f',
    ...sources,
    'planted.c',
  ]
  const found = {
    warnings: [...(await compile('')), ...(await compile('IPVS_DEBUG=y'))],
    sparse: await findings('sparse', 'unshare', below(root, read)),
    checkpatch: await findings('checkpatch', 'perl', [join(scripts, 'checkpatch.pl'), ...style], copy),
  }
  const { warnings, sparse, checkpatch } = Object.fromEntries(
    Object.entries(found).map(([name, lines]) => [name, lines.length]),
  )
  row(
    kernel.name,
    release,
    `${compiler} ${await tell(`${compiler} -dumpfullversion`)}`,
    warnings,
    `${sparse} (${/Debian: ([^)]*)/.exec(await tell('sparse --version'))?.[1]})`,
    `${checkpatch} (of ${series})`,
  )
  rmSync(copy, { recursive: true })
  return Object.values(found)
}

async function checkAll(wanted) {
  row('name', 'headers', 'compiler', 'warnings', 'sparse', 'checkpatch')
  const results = []
  for (const kernel of wanted) {
    const found = await check(kernel).catch((error) => {
      if (!(error instanceof Problem)) throw error
      row(kernel.name, 'not checked')
      return [[error.message]]
    })
    for (const line of found.flat()) console.log(`  ${line}`)
    results.push(...found)
  }
  const failed = results.filter((lines) => lines.length > 0).length
  console.log(`${results.length - failed} passed, ${failed} failed`)
  return failed === 0 ? 0 : 1
}

await main(import.meta, async ([...names]) => {
  const all = names[0] === 'check' && names.length === 1
  const wanted = (names[0] === 'check' ? names.slice(1) : names).map((name) => {
    const kernel = kernels.find((kernel) => kernel.name === name)
    if (kernel === undefined)
      throw new Problem(`no headers ${name}; there are: ${kernels.map(({ name }) => name).join(' ')}`)
    return kernel
  })
  if (names[0] === 'check') return await checkAll(all ? kernels : wanted)
  if (wanted.length === 0) throw new Problem('usage: node test/kmod/headers.mjs [check] NAME...')
  for (const kernel of wanted) console.log(await build(kernel))
})
