// A row of the tables that client and ipvsadm must mean alike, and what every row has in common.
// SPDX-License-Identifier: MIT

import type { Destination, Service, ServiceStatus } from '../../lib/index.ts'

export interface Case {
  readonly name: string
  /** As the client writes it. What it leaves out has the client's default. */
  readonly service: Service
  /** In the order in which they are added. */
  readonly destinations?: readonly Destination[]
  /** What `ipvsadm -Sn` prints, and with -x and -y, which it should print. */
  readonly rules: readonly string[]
  /** What ipvsadm is told where that is not what it prints: its own defaults and other words for the same. */
  readonly typed?: readonly string[]
  /** What is read back where that is not what the client wrote. */
  readonly reads?: Partial<ServiceStatus>
}

/** Rows that are written and read together, in one table. */
export interface Group {
  readonly name: string
  readonly rows: readonly Case[]
  /** A module that kernels before this version may lack. */
  readonly needs?: { readonly module: string; readonly since: `${number}.${number}` }
}

export const web = { protocol: 'tcp', address: '192.0.2.10', port: 80 } as const
export const web6 = { protocol: 'tcp', address: '2001:db8::1', port: 80 } as const
export const one = { address: '10.0.0.1' } as const

/** All rows are written with the same two virtual addresses; in one table each needs a pair of its own. */
export const group = (name: string, rows: readonly Case[], needs?: Group['needs']): Group => ({
  name,
  rows: rows.map(withOwnAddress),
  ...(needs === undefined ? {} : { needs }),
})

const withOwnAddress = (row: Case, index: number): Case => {
  const move = (text: string): string =>
    text
      .replace(/\b192\.0\.2\.10\b/, `192.0.2.${index + 1}`)
      .replace(/\b2001:db8::1(?=\]|$)/, `2001:db8:9::${index + 1}`)
  return {
    ...row,
    service:
      row.service.address === undefined
        ? row.service
        : { ...row.service, address: move(row.service.address) },
    rules: row.rules.map(move),
    ...(row.typed === undefined ? {} : { typed: row.typed.map(move) }),
  }
}
