// Daemons and timeouts: what the client sets is what ipvsadm lists, and the reverse.
// SPDX-License-Identifier: MIT

import { expect, test } from 'vitest'
import type { Daemon, DaemonStatus } from '../../lib/index.ts'
import { type Namespace, namespace, open } from './namespace.ts'

/** An interface that can carry multicast of both families. */
const withInterface = (): Namespace => {
  const netns = namespace()
  netns.exec('ip', 'link', 'add', 'sync0', 'type', 'dummy')
  netns.exec('ip', 'address', 'add', '10.9.0.1/24', 'dev', 'sync0')
  // Without duplicate address detection, which would take a second before the address can be bound.
  netns.exec('ip', 'address', 'add', '2001:db8:9::1/64', 'dev', 'sync0', 'nodad')
  netns.exec('ip', 'link', 'set', 'sync0', 'up')
  return netns
}

interface DaemonCase {
  readonly name: string
  readonly daemon: Daemon
  readonly status: DaemonStatus
  readonly options: string
  readonly line: string
}

const defaults = { interface: 'sync0', syncId: 0, maxLength: 1472, group: '224.0.0.81', port: 8848, ttl: 1 }

const daemons: readonly DaemonCase[] = [
  {
    name: 'a master with every default',
    daemon: { state: 'master', interface: 'sync0' },
    status: { state: 'master', ...defaults },
    options: 'master --mcast-interface sync0',
    line: 'master sync daemon (mcast=sync0, syncid=0, maxlen=1472, group=224.0.0.81, port=8848, ttl=1)',
  },
  {
    name: 'a backup with everything set',
    daemon: {
      state: 'backup',
      interface: 'sync0',
      syncId: 255,
      maxLength: 1400,
      group: '239.1.2.3',
      port: 65535,
      ttl: 255,
    },
    status: {
      state: 'backup',
      interface: 'sync0',
      syncId: 255,
      maxLength: 1400,
      group: '239.1.2.3',
      port: 65535,
      ttl: 255,
    },
    options:
      'backup --mcast-interface sync0 --syncid 255 --sync-maxlen 1400 --mcast-group 239.1.2.3 --mcast-port 65535 --mcast-ttl 255',
    line: 'backup sync daemon (mcast=sync0, syncid=255, maxlen=1400, group=239.1.2.3, port=65535, ttl=255)',
  },
  {
    name: 'a master over IPv6',
    daemon: { state: 'master', interface: 'sync0', syncId: 1, group: 'ff15::1', port: 1, ttl: 9 },
    // Its header is 20 bytes longer than that of IPv4.
    status: { ...defaults, state: 'master', syncId: 1, group: 'ff15::1', port: 1, ttl: 9, maxLength: 1452 },
    options: 'master --mcast-interface sync0 --syncid 1 --mcast-group ff15::1 --mcast-port 1 --mcast-ttl 9',
    line: 'master sync daemon (mcast=sync0, syncid=1, maxlen=1452, group=ff15::1, port=1, ttl=9)',
  },
]

test.each(daemons)('$name: the client starts, ipvsadm lists and stops', async ({ daemon, status, line }) => {
  const netns = withInterface()
  const ipvs = await open(netns.path)
  await ipvs.daemons.start(daemon)
  expect(netns.ipvsadm('-L', '--daemon').trim()).toBe(line)
  expect(await ipvs.daemons.list()).toEqual([status])
  netns.ipvsadm('--stop-daemon', daemon.state)
  expect(await ipvs.daemons.list()).toEqual([])
})

test.each(daemons)(
  '$name: ipvsadm starts, the client lists and stops',
  async ({ daemon, status, options }) => {
    const netns = withInterface()
    const ipvs = await open(netns.path)
    netns.ipvsadm('--start-daemon', ...options.split(' '))
    expect(await ipvs.daemons.list()).toEqual([status])
    await ipvs.daemons.stop(daemon.state)
    expect(netns.ipvsadm('-L', '--daemon')).toBe('')
  },
)

const listedTimeouts = (netns: Namespace): string => netns.ipvsadm('-L', '--timeout').trim()

test('timeouts, both ways', async () => {
  const netns = namespace()
  const ipvs = await open(netns.path)
  expect(listedTimeouts(netns)).toBe('Timeout (tcp tcpfin udp): 900 120 300')
  await ipvs.setTimeouts({ tcp: 7200, udp: 1 })
  expect(listedTimeouts(netns)).toBe('Timeout (tcp tcpfin udp): 7200 120 1')
  await ipvs.setTimeouts({ tcp: 2147483, tcpFin: 30, udp: 31 })
  expect(listedTimeouts(netns)).toBe('Timeout (tcp tcpfin udp): 2147483 30 31')
  netns.ipvsadm('--set', '10', '20', '40')
  expect(await ipvs.timeouts()).toEqual({ tcp: 10, tcpFin: 20, udp: 40 })
  netns.ipvsadm('--set', '0', '21', '0') // 0 keeps, to ipvsadm as to the kernel
  expect(await ipvs.timeouts()).toEqual({ tcp: 10, tcpFin: 21, udp: 40 })
})

test('version and size of the connection table are those of ipvsadm', async () => {
  const netns = namespace()
  const ipvs = await open(netns.path)
  const { version, connectionTableSize } = await ipvs.info()
  expect(netns.ipvsadm('-Ln')).toContain(`version ${version} (size=${connectionTableSize})`)
})
