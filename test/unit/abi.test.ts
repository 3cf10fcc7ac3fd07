// Every number of the ABI table equals the kernel's own header.
// SPDX-License-Identifier: MIT

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import * as abi from '../../lib/abi.ts'

const header = readFileSync('/usr/include/linux/ip_vs.h', 'utf8')

/** The members of the enum that starts with `first`, with their values. */
const enumOf = (first: string): Map<string, number> => {
  const body = new RegExp(`enum\\s*\\w*\\s*\\{([^}]*\\b${first}\\b[^}]*)\\}`).exec(header)?.[1]
  if (body === undefined) throw new Error(`no enum with ${first}`)
  const members = new Map<string, number>()
  let value = 0
  for (const [, name, set] of body.replace(/\/\*.*?\*\//gs, '').matchAll(/(\w+)\s*(?:=\s*(\w+))?\s*,?/g)) {
    if (set !== undefined) value = Number(set)
    members.set(name!, value++)
  }
  return members
}

const constant = (name: string): number => {
  const text = new RegExp(`#define\\s+${name}\\s+\\(?([^/\\n)]+)`).exec(header)?.[1]?.trim()
  if (text === undefined) throw new Error(`no ${name}`)
  const shift = /^1\s*<<\s*(\d+)$/.exec(text)
  return shift === null ? Number(text) : 1 << Number(shift[1])
}

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()

/** Where the public name is not the kernel's. */
const kernelName: Record<string, string> = {
  family: 'AF',
  address: 'ADDR',
  scheduler: 'SCHED_NAME',
  engine: 'PE_NAME',
  forwarding: 'FWD_METHOD',
  upperThreshold: 'U_THRESH',
  lowerThreshold: 'L_THRESH',
  inactiveConns: 'INACT_CONNS',
  persistentConns: 'PERSIST_CONNS',
  tunnelType: 'TUN_TYPE',
  tunnelPort: 'TUN_PORT',
  tunnelFlags: 'TUN_FLAGS',
  interface: 'MCAST_IFN',
  maxLength: 'SYNC_MAXLEN',
  group: 'MCAST_GROUP',
  group6: 'MCAST_GROUP6',
  ttl: 'MCAST_TTL',
  destination: 'DEST',
  connectionTableSize: 'CONN_TAB_SIZE',
  inPkts: 'INPKTS',
  outPkts: 'OUTPKTS',
  inBytes: 'INBYTES',
  outBytes: 'OUTBYTES',
  inPps: 'INPPS',
  outPps: 'OUTPPS',
  inBps: 'INBPS',
  outBps: 'OUTBPS',
}

/** And where that differs between sets. */
const kernelNameIn: Record<string, string> = {
  'IPVS_DAEMON_ATTR.port': 'MCAST_PORT',
  'IPVS_DEST_ATTR.family': 'ADDR_FAMILY',
}

const sets = {
  IPVS_CMD_ATTR: abi.message,
  IPVS_SVC_ATTR: abi.service,
  IPVS_DEST_ATTR: abi.destination,
  IPVS_DAEMON_ATTR: abi.daemon,
  IPVS_INFO_ATTR: abi.info,
} as const

test.each(Object.entries(sets))('%s: ids and names', (prefix, { table }) => {
  const members = enumOf(`${prefix}_UNSPEC`)
  for (const [name, [id]] of Object.entries(table)) {
    const suffix = kernelNameIn[`${prefix}.${name}`] ?? kernelName[name] ?? snake(name)
    expect([name, id]).toEqual([name, members.get(`${prefix}_${suffix}`)])
  }
  // Nothing of the header is missing here.
  expect(Object.keys(table)).toHaveLength(
    [...members.keys()].filter((name) => !/_UNSPEC$|__|_MAX$/.test(name)).length,
  )
})

test.each(['stats', 'stats64'] as const)('IPVS_STATS_ATTR: %s', (which) => {
  const members = enumOf('IPVS_STATS_ATTR_UNSPEC')
  const [, codec] = abi.service.table[which]
  for (const [name, [id]] of Object.entries(codec.table)) {
    expect([name, id]).toEqual([name, members.get(`IPVS_STATS_ATTR_${kernelName[name] ?? snake(name)}`)])
  }
  expect(Object.keys(codec.table)).toHaveLength(10) // all but UNSPEC and PAD
})

test('commands', () => {
  const members = enumOf('IPVS_CMD_UNSPEC')
  for (const [name, id] of Object.entries(abi.commands)) {
    expect([name, id]).toEqual([name, members.get(`IPVS_CMD_${snake(name)}`)])
  }
  expect(Object.keys(abi.commands)).toHaveLength(17)
})

test('flags, methods and states', () => {
  expect(abi.serviceFlags).toEqual({
    persistent: constant('IP_VS_SVC_F_PERSISTENT'),
    hashed: constant('IP_VS_SVC_F_HASHED'),
    onePacket: constant('IP_VS_SVC_F_ONEPACKET'),
    scheduler: [1, 2, 3].map((i) => constant(`IP_VS_SVC_F_SCHED${i}`)),
  })
  expect(abi.FORWARDING_MASK).toBe(constant('IP_VS_CONN_F_FWD_MASK'))
  expect(abi.forwardings).toEqual({
    masquerading: constant('IP_VS_CONN_F_MASQ'),
    local: constant('IP_VS_CONN_F_LOCALNODE'),
    tunneling: constant('IP_VS_CONN_F_TUNNEL'),
    'direct-routing': constant('IP_VS_CONN_F_DROUTE'),
    bypass: constant('IP_VS_CONN_F_BYPASS'),
  })
  const tunnels = enumOf('IP_VS_CONN_F_TUNNEL_TYPE_IPIP')
  for (const [name, value] of Object.entries(abi.tunnelTypes)) {
    expect(value).toBe(tunnels.get(`IP_VS_CONN_F_TUNNEL_TYPE_${name.toUpperCase()}`))
  }
  expect(abi.tunnelChecksums).toEqual({
    none: constant('IP_VS_TUNNEL_ENCAP_FLAG_NOCSUM'),
    plain: constant('IP_VS_TUNNEL_ENCAP_FLAG_CSUM'),
    remote: constant('IP_VS_TUNNEL_ENCAP_FLAG_REMCSUM'),
  })
  expect(abi.daemonStates).toEqual({
    master: constant('IP_VS_STATE_MASTER'),
    backup: constant('IP_VS_STATE_BACKUP'),
  })
  expect([abi.FAMILY_NAME, abi.FAMILY_VERSION]).toEqual(['IPVS', constant('IPVS_GENL_VERSION')])
})
