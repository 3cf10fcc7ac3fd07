// Names of ports, from /etc/services.
// SPDX-License-Identifier: MIT

import { readFileSync } from 'node:fs'
import type { Protocol } from '../types.js'

interface Services {
  readonly ports: ReadonlyMap<string, number>
  readonly names: ReadonlyMap<string, string>
}

/** Of two lines for the same the first counts, as in getservbyname(3). */
export const parseServicesFile = (text: string): Services => {
  const ports = new Map<string, number>()
  const names = new Map<string, string>()
  for (const line of text.split('\n')) {
    const [name, place, ...aliases] = line.replace(/#.*/, '').trim().split(/\s+/)
    const [, port, protocol] = /^(\d+)\/(\w+)$/.exec(place ?? '') ?? []
    if (name === undefined || port === undefined) continue
    for (const each of [name, ...aliases]) {
      if (!ports.has(`${each}/${protocol}`)) ports.set(`${each}/${protocol}`, Number(port))
    }
    if (!names.has(`${port}/${protocol}`)) names.set(`${port}/${protocol}`, name)
  }
  return { ports, names }
}

let known: Services | undefined
const services = (): Services => {
  if (known !== undefined) return known
  let text = ''
  try {
    text = readFileSync('/etc/services', 'utf8')
  } catch {
    // Where there is no such file, ports have no names.
  }
  known = parseServicesFile(text)
  return known
}

export const portOf = (name: string, protocol: Protocol | undefined): number | undefined =>
  services().ports.get(`${name}/${protocol ?? 'tcp'}`)

/** A service without protocol, of a firewall mark, has the names of TCP. */
export const portName = (port: number, protocol: string | undefined): string | undefined =>
  services().names.get(`${port}/${protocol ?? 'tcp'}`)
