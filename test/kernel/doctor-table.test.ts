// doctor() on a connection table that is too small, which is a parameter of the module: unloads and loads ip_vs.
// SPDX-License-Identifier: MIT

import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { doctor } from '../../lib/doctor/doctor.ts'
import { Ipvs } from '../../lib/index.ts'
import { namespace } from './namespace.ts'
import { slowness } from './slowness.ts'

const modules = () =>
  execFileSync('sh', ['-c', "grep -o '^ip_vs[a-z_]*' /proc/modules || true"], { encoding: 'utf8' })

/** Namespaces that have ended hold the modules until the kernel has taken them down. */
const unload = (): void => {
  const script = `for i in $(seq 100); do
    for m in $(grep -o '^ip_vs_[a-z_]*' /proc/modules) ip_vs; do rmmod $m 2> /dev/null || true; done
    grep -q '^ip_vs ' /proc/modules || exit 0; sleep 0.2; done; exit 1`
  execFileSync('sh', ['-c', script], { stdio: 'pipe' })
}

const COUNT = 600
/** All at the same time, so that each has a port of its own. */
const datagrams = `const { createSocket } = require('node:dgram')
let left = ${COUNT}
for (let i = left; i > 0; i--)
  createSocket('udp4').send('x', 53, '192.0.2.10', () => --left === 0 && process.exit())`

/** A director with so many connections. */
const busy = async (use: (netns: string) => Promise<void>): Promise<void> => {
  const netns = namespace()
  const lines = ['link add out type dummy', 'link set out arp off up', 'address add 192.0.2.10/32 dev out']
  for (const line of [...lines, 'route add default dev out']) netns.exec('ip', ...line.split(' '))
  const ipvs = await Ipvs.open({ netns: netns.path })
  const dns = { protocol: 'udp', address: '192.0.2.10', port: 53 } as const
  try {
    await ipvs.services.add({ ...dns, scheduler: 'rr' })
    await ipvs.destinations.add(dns, { address: '10.0.0.1', forwarding: 'direct-routing' })
    netns.exec(process.execPath, '-e', datagrams)
    const [server] = await ipvs.destinations.list(dns)
    expect(server!.inactiveConns).toBe(COUNT)
    await use(netns.path)
    await ipvs.services.delete(dns)
  } finally {
    await ipvs.close()
  }
}

test('many connections in few buckets', { timeout: 120_000 * slowness }, async () => {
  onTestFinished(() => rmSync('/etc/modprobe.d/ipvs-conn-tab-bits.conf', { force: true }))
  unload()
  expect(modules()).toBe('')
  execFileSync('modprobe', ['ip_vs', 'conn_tab_bits=8'])
  let cure = ''
  await busy(async (netns) => {
    const found = (await doctor({ netns })).filter(({ id }) => id === 'connection-table-small')
    expect(found).toMatchObject([
      {
        severity: 'warning',
        evidence: ['256 buckets (conn_tab_bits of ip_vs is 8)', `${COUNT} connections`],
        cure: 'echo options ip_vs conn_tab_bits=10 > /etc/modprobe.d/ipvs-conn-tab-bits.conf',
      },
    ])
    cure = found[0]!.cure
  })
  execFileSync('sh', ['-ec', cure])
  unload()
  execFileSync('modprobe', ['ip_vs'])
  await busy(async (netns) => {
    expect((await doctor({ netns })).map(({ id }) => id)).not.toContain('connection-table-small')
  })
})
