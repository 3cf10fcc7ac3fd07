// Finds a kernel image and its modules: the installed one, one in a folder, or one that was fetched.
// SPDX-License-Identifier: MIT
import { accessSync, constants, existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { cache, Problem } from '../../scripts/lib.mjs'

/** What the guest cannot boot without. ip_vs is loaded by the commands, but a kernel lacking it is no use. */
const needed = ['virtio_pci', '9p', '9pnet_virtio', 'overlay', 'virtio_console']

const moduleName = (path) =>
  path
    .replace(/.*\//, '')
    .replace(/\.ko(\.\w+)?$/, '')
    .replaceAll('-', '_')

function lines(path) {
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : []
}

/** Module files to load in order, for all of `names`; what is built in needs none. */
export function moduleClosure(modules, names) {
  const builtIn = new Set(lines(join(modules, 'modules.builtin')).map(moduleName))
  const found = new Map()
  for (const line of lines(join(modules, 'modules.dep'))) {
    const [path, rest] = line.split(':')
    found.set(moduleName(path), [...rest.trim().split(' ').filter(Boolean).reverse(), path])
  }
  const missing = names.filter((name) => !builtIn.has(name) && !found.has(name))
  if (missing.length > 0) throw new Problem(`it has no ${missing.join(', ')}`)
  return [...new Set(names.flatMap((name) => found.get(name) ?? []))].map((path) => join(modules, path))
}

/** The kernel `release` of the system below `top`, or a Problem that says why it cannot be used. */
function inspect(top, release) {
  const modules = ['lib/modules', 'usr/lib/modules'].map((dir) => join(top, dir, release)).find(existsSync)
  if (modules === undefined) throw new Problem(`there is no ${join(top, 'lib/modules', release)}`)
  // Since 6.19, Debian's packages keep image and configuration among the modules.
  const either = (name) => [join(top, 'boot', `${name}-${release}`), join(modules, name)].find(existsSync)
  const image = either('vmlinuz')
  if (image === undefined) throw new Problem('it has no image')
  moduleClosure(modules, ['ip_vs'])
  const drivers = moduleClosure(modules, needed)
  try {
    accessSync(image, constants.R_OK)
  } catch {
    throw new Problem(`you may not read its image: sudo chmod a+r ${image}`)
  }
  const config = either('config')
  return {
    release,
    image,
    modules: realpathSync(modules),
    drivers,
    config: new Set(config ? lines(config) : []),
  }
}

const collator = new Intl.Collator('en', { numeric: true })

/** The usable kernel of the system below `top`; the newest if there are several. */
function best(top) {
  const folder = ['lib/modules', 'usr/lib/modules'].map((dir) => join(top, dir)).find(existsSync)
  const problems = [
    `no usable kernel (it needs IPVS, 9p and overlay as modules or built in) in ${resolve(top)}`,
  ]
  for (const release of folder ? readdirSync(folder).sort(collator.compare).reverse() : []) {
    try {
      return inspect(top, release)
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      problems.push(`  ${release}: ${error.message}`)
    }
  }
  throw new Problem(problems.join('\n'))
}

/** Other names of what kernels.mjs fetches. */
export const aliases = { oldest: '5.10', newest: '7.x' }

/** Where kernels.mjs keeps the kernel of that name. */
export const fetched = (name) => join(cache, 'kernels', aliases[name] ?? name)

/**
 * The kernel to boot: `spec` is a folder holding boot/vmlinuz-* and lib/modules, an image beside
 * such, or a name that kernels.mjs has fetched. Without it, the newest usable one installed here.
 */
export function findKernel(spec) {
  if (spec === undefined) return best('/')
  const place = [resolve(spec), fetched(spec)].find(existsSync)
  if (place === undefined) {
    throw new Problem(`no kernel ${spec}: neither a path nor fetched (node test/vm/kernels.mjs ${spec})`)
  }
  if (statSync(place).isDirectory()) return best(place)
  const release = /^vmlinuz-(.+)$/.exec(basename(place))?.[1]
  if (release === undefined) throw new Problem(`${place}: neither a folder nor named vmlinuz-RELEASE`)
  try {
    return inspect(dirname(dirname(place)), release)
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    throw new Problem(`${place}: ${error.message}`)
  }
}
