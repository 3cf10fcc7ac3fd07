// Host names in lines: asked of the system before the lines are understood.
// SPDX-License-Identifier: MIT

import type { HostLookup } from './endpoint.js'

/** IPv4 only, as ipvsadm. */
const addressOf = async (name: string): Promise<[string, string | undefined]> => {
  const { lookup } = await import('node:dns/promises')
  try {
    return [name, (await lookup(name, { family: 4 })).address]
  } catch {
    return [name, undefined]
  }
}

/**
 * What `parse` returns or throws when it knows the hosts that it asks for. It is called once where it asks for none,
 * else a second time, with what the system said.
 */
export const withHosts = async <T>(parse: (host: HostLookup) => T): Promise<T> => {
  const asked = new Set<string>()
  let result: { readonly value: T } | { readonly error: unknown }
  try {
    result = {
      value: parse((name) => {
        asked.add(name)
        return '0.0.0.0'
      }),
    }
  } catch (error) {
    result = { error }
  }
  if (asked.size > 0) {
    const known = new Map(await Promise.all([...asked].map(addressOf)))
    return parse((name) => known.get(name))
  }
  if ('error' in result) throw result.error
  return result.value
}
