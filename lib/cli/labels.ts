// Names of hosts and ports for listings without -n.
// SPDX-License-Identifier: MIT

import { type Names, numeric } from '../text/format.js'
import { portName } from '../text/services-file.js'

const hostOf = async (address: string): Promise<string> => {
  const { lookupService } = await import('node:dns/promises')
  try {
    return (await lookupService(address, 0)).hostname
  } catch {
    return address
  }
}

/** Asks the system for each address once. */
export class Labels implements Names {
  readonly #hosts = new Map<string, string>()

  /** Has to come before host() of these addresses. */
  async resolve(addresses: Iterable<string>): Promise<void> {
    const wanted = [...new Set(addresses)].filter((address) => !this.#hosts.has(address))
    const names = await Promise.all(wanted.map(hostOf))
    for (const [i, address] of wanted.entries()) this.#hosts.set(address, names[i]!)
  }

  readonly host = (address: string): string => this.#hosts.get(address) ?? address

  readonly port = (port: number, protocol: string | undefined): string =>
    portName(port, protocol) ?? `${port}`
}

/** The names of everything in a table, or numbers. */
export const labelsOf = async (
  services: readonly {
    readonly address?: string | undefined
    readonly destinations: readonly { readonly address: string }[]
  }[],
  isNumeric: boolean,
): Promise<Names> => {
  if (isNumeric) return numeric
  const labels = new Labels()
  await labels.resolve(
    services.flatMap(({ address, destinations }) => [
      ...(address === undefined ? [] : [address]),
      ...destinations.map((destination) => destination.address),
    ]),
  )
  return labels
}
