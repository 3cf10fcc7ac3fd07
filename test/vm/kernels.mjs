// Fetches the kernels of other Debian suites into the cache, for --kernel of run.mjs.
// SPDX-License-Identifier: MIT
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { main, Problem, run, which } from '../../scripts/lib.mjs'
import { privateApt } from './apt.mjs'
import { aliases, fetched, findKernel } from './kernel.mjs'

const withUpdates = (suite) => [suite, `${suite}-updates`, `${suite}-security`]

/** Groups of suites; the first that is still there and has a new enough kernel is taken. */
const kernels = {
  '5.10': {
    least: '5.10',
    groups: [withUpdates('bullseye'), ['bullseye', 'bullseye-security'], ['bullseye']],
  },
  6.1: { least: '6.1', groups: [withUpdates('bookworm')] },
  // Up to 6.12.95 the estimator's thread can oops when namespaces are created fast.
  6.12: { least: '6.12.107', groups: [withUpdates('trixie')] },
  '7.x': { least: '7.0', groups: [['trixie-backports'], ['sid']] },
}

/** Names that fetchKernel knows, oldest first. */
export const kernelNames = ['5.10', '6.1', '6.12', '7.x']

const numeric = new Intl.Collator('en', { numeric: true })

/** The kernel package that linux-image-amd64 stands for, and since 6.19 the parts it is made of. */
async function packages(apt, least) {
  const depends = async (name) => {
    const text = await apt('apt-cache', 'show', '--no-all-versions', name)
    return (/^Depends: (.*)$/m.exec(text)?.[1] ?? '').split(/[,|]/).map((item) => item.trim().split(' ')[0])
  }
  const image = (await depends('linux-image-amd64')).find((name) => /^linux-image-\d/.test(name))
  const version = image?.replace('linux-image-', '')
  if (version === undefined || numeric.compare(version, least) < 0) return []
  const parts = (await depends(image)).filter((name) => /^linux-(modules|binary|base)-\d/.test(name))
  return [image, ...parts]
}

/** Downloads into `work` and unpacks to `work`/root. False if no package is new enough. */
async function fetchInto(work, suites, least, log) {
  mkdirSync(work)
  const apt = await privateApt(work, suites)
  const names = await packages(apt, least)
  if (names.length === 0) return false
  log(`kernels: downloading ${names.join(' ')}`)
  await apt('apt-get', 'download', ...names)
  const top = join(work, 'root')
  for (const name of readdirSync(work).filter((name) => name.endsWith('.deb'))) {
    await run('dpkg-deb', ['-x', join(work, name), top])
  }
  // Newer packages install below usr/lib only; depmod and the guest look below lib.
  if (!existsSync(join(top, 'lib'))) symlinkSync('usr/lib', join(top, 'lib'))
  rmSync(join(top, 'usr/share'), { recursive: true, force: true })
  for (const release of readdirSync(join(top, 'lib/modules'))) {
    await run(which('depmod') ?? 'depmod', ['-b', top, release])
  }
  findKernel(top) // Says why it cannot be used, if so.
  return true
}

/** Removes what interrupted downloads left; younger ones may be going on. */
function sweep(folder) {
  for (const path of readdirSync(folder).map((name) => join(folder, name))) {
    const old = Date.now() - statSync(path).mtimeMs > 3_600_000
    if (old && basename(path).startsWith('.new-')) rmSync(path, { recursive: true, force: true })
  }
}

/** The folder of that kernel ('5.10', 'newest', …) for --kernel. Downloads it only if it is not there yet. */
export async function fetchKernel(name, { log = console.error } = {}) {
  const key = aliases[name] ?? name
  const wanted = kernels[key]
  if (wanted === undefined) {
    throw new Problem(`no kernel ${name}; there are: ${[...kernelNames, ...Object.keys(aliases)].join(' ')}`)
  }
  const place = fetched(key)
  if (existsSync(place)) return place
  mkdirSync(dirname(place), { recursive: true })
  sweep(dirname(place))
  const work = mkdtempSync(join(dirname(place), '.new-'))
  try {
    for (const [i, suites] of wanted.groups.entries()) {
      log(`kernels: looking for ${key} in ${suites.join(', ')}`)
      try {
        if (!(await fetchInto(join(work, `${i}`), suites, wanted.least, log))) continue
      } catch (error) {
        if (!(error instanceof Problem) || i === wanted.groups.length - 1) throw error
        log(error.message)
        continue
      }
      // Renamed when whole, so an interrupted download is never taken for a kernel.
      if (!existsSync(place)) renameSync(join(work, `${i}`, 'root'), place)
      return place
    }
    throw new Problem(`no suite of this mirror has a kernel ${wanted.least} or later for ${key}`)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

await main(import.meta, async (names) => {
  if (names.length === 0) {
    throw new Problem(
      `usage: node test/vm/kernels.mjs NAME...   (${[...kernelNames, ...Object.keys(aliases)].join(' ')})`,
    )
  }
  for (const name of names) console.log(await fetchKernel(name))
})
