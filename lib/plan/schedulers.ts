// Whether this host has a scheduler, as far as its files tell: nothing is loaded, and no root is needed.
// SPDX-License-Identifier: MIT

import { readFileSync } from 'node:fs'
import { release } from 'node:os'

/** Whether a scheduler of this name is there; undefined where that cannot be known. */
export type KnowsScheduler = (name: string) => boolean | undefined

const installed = ['modules.dep', 'modules.builtin', 'modules.alias']

const read = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/** Clients that do not speak to the kernel of this host: what theirs has. */
const elsewhere = new WeakMap<object, KnowsScheduler>()

/** From now on this client is asked, and not the files of this host. */
export const tellSchedulers = (client: object, knows: KnowsScheduler): void => {
  elsewhere.set(client, knows)
}

/** Of the kernel that this client speaks to. */
export const schedulersOf = (client: object): KnowsScheduler => elsewhere.get(client) ?? knowsScheduler()

/**
 * The kernel asks for the module ip_vs_NAME, by that name or an alias. It is not there when it is not loaded and all
 * three lists of installed modules lack it. In a container without the host's /lib/modules nothing is known.
 */
export const knowsScheduler = (
  modules = `/lib/modules/${release()}`,
  loaded = '/proc/modules',
): KnowsScheduler => {
  const known = new Map<string, boolean | undefined>([['none', true]])
  const paths = [loaded, ...installed.map((list) => `${modules}/${list}`)]
  const lists: (string | undefined)[] = []
  const look = (name: string): boolean | undefined => {
    // modprobe takes - and _ for the same.
    const module = `ip_vs_${name}`.replaceAll(/[^\w-]/g, '\\$&').replaceAll(/[-_]/g, '[-_]')
    const named = new RegExp(`^${module} |(?:^|/)${module}\\.ko\\b|^alias ${module} `, 'm')
    for (const [i, path] of paths.entries()) {
      if (i === lists.length) lists.push(read(path)) // long lists, which need not be read for what is loaded
      if (named.test(lists[i] ?? '')) return true
    }
    return lists.slice(1).includes(undefined) ? undefined : false
  }
  return (name) => {
    if (!known.has(name)) known.set(name, look(name))
    return known.get(name)
  }
}
