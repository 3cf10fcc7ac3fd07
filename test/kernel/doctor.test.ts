// doctor(): each fault is made, found with its evidence, and gone when the finding's own cure was run.
// SPDX-License-Identifier: MIT

import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { doctor } from '../../lib/doctor/doctor.ts'
import { applyProfile, profile, vip } from '../../lib/index.ts'
import { director, site, VIP, web } from './doctor-site.ts'
import { ask, lan, serve } from './lan.ts'
import { open, since } from './namespace.ts'

const masqueraded = [{ address: '10.0.0.1', forwarding: 'masquerading' }] as const

test('a director of each profile, and a real server, that are set up right: nothing is found', async () => {
  const direct = await director()
  await applyProfile(profile('direct-return'), { netns: direct.netns.path })
  expect(await direct.find()).toEqual([])
  const node = await director(masqueraded)
  await applyProfile(profile('kubernetes', { strictArp: true }), { netns: node.netns.path })
  expect(await node.find()).toEqual([])
  const server = site()
  server.ip('address', 'add', `${VIP}/32`, 'dev', 'lo')
  server.set('net.ipv4.conf.all.arp_ignore=1', 'net.ipv4.conf.all.arp_announce=2')
  expect(await server.find({ realServerOf: [VIP] })).toEqual([])
})

test('lo is down', async () => {
  const at = await director()
  at.ip('link', 'set', 'lo', 'down')
  await at.cures('loopback-down', ['link lo is down'])
})

test('the VIP is not here', async () => {
  const at = await director()
  at.ip('address', 'del', `${VIP}/32`, 'dev', 'front')
  const { cure } = await at.cures('vip-missing', [`${VIP} is no address of this director`])
  expect(cure).toBe(`ip address add ${VIP}/32 dev front`)
})

test('an IPv6 VIP is not here', async () => {
  const at = await director()
  at.ip('address', 'add', '2001:db8::1/64', 'dev', 'front', 'nodad')
  await at.ipvs.services.add({ ...web, address: '2001:db8::10' })
  const { cure } = await at.cures('vip-missing', ['2001:db8::10 is no address of this director'])
  expect(cure).toBe('ip address add 2001:db8::10/128 dev front nodad')
})

test('masquerading without forwarding', async () => {
  const at = await director(masqueraded)
  const names = 'masqueraded: 10.0.0.1:80 of 192.0.2.10:80/tcp'
  const link = 'net.ipv4.conf.back.forwarding'
  await at.cures('no-forwarding', [`${link} = 0`, 'net.ipv4.ip_forward = 0', names])
  at.set(`${link}=0`)
  await at.cures('no-forwarding', [`${link} = 0`, names])
  // To set ip_forward is to set all links: one of them may be set otherwise since.
  at.set('net.ipv4.ip_forward=0', `${link}=1`)
  expect(await at.find()).toEqual([])
})

test('direct routing through a gateway', async () => {
  const at = await director()
  at.ip('route', 'add', '10.9.0.0/24', 'via', '10.0.0.1')
  await at.ipvs.destinations.add(web, { address: '10.9.0.5', weight: 7, upperThreshold: 9 })
  const { cure } = await at.cures('gateway-between', [
    '10.9.0.5:80 of 192.0.2.10:80/tcp: direct-routing',
    'the way to 10.9.0.5 goes through 10.0.0.1 on back',
  ])
  expect(cure).toBe('ipvs -e -t 192.0.2.10:80 -r 10.9.0.5:80 -i -w 7 --tun-type ipip -x 9')
})

test('strict reverse path filtering, the default route being elsewhere', async () => {
  const at = await director()
  at.ip('route', 'replace', 'default', 'via', '10.0.0.253')
  at.set('net.ipv4.conf.all.rp_filter=1')
  await at.cures('reverse-path-filter', [
    `${VIP} is on front, the default route goes through back`,
    'net.ipv4.conf.all.rp_filter = 1',
    'net.ipv4.conf.front.rp_filter = 0',
  ])
})

test('a tunnel over a link that is too small', async () => {
  const at = await director([{ address: '10.0.0.1', forwarding: 'tunneling' }])
  await at.cures('tunnel-mtu', [
    'link back: mtu 1500, of which the tunnel takes 20',
    'link front, where clients come in: mtu 1500',
    'tunneled: 10.0.0.1:80 of 192.0.2.10:80/tcp',
  ])
})

test('a tunnel over the link that clients come in by', async () => {
  const at = await director([{ address: '10.0.0.1', forwarding: 'tunneling' }])
  at.ip('address', 'del', `${VIP}/32`, 'dev', 'front')
  at.ip('address', 'add', `${VIP}/32`, 'dev', 'back')
  await at.cures('tunnel-mtu', [
    'link back: mtu 1500, of which the tunnel takes 20',
    'clients come in on it as well: packets of up to 1500',
    'tunneled: 10.0.0.1:80 of 192.0.2.10:80/tcp',
  ])
})

test('a persistent service with a quiesced server', async () => {
  const servers = [{ address: '10.0.0.1', weight: 0 }, { address: '10.0.0.2' }]
  const at = await director(servers, { persistence: {} })
  await at.cures('quiesced-persistence', [
    'net.ipv4.vs.expire_quiescent_template = 0',
    'weight 0, persistent: 10.0.0.1:80 of 192.0.2.10:80/tcp',
  ])
})

test('ports used again go to the server of before', async () => {
  const at = await director()
  at.set('net.ipv4.vs.conn_reuse_mode=0')
  await at.cures('port-reuse-old-server', [/^kernel \d/, 'net.ipv4.vs.conn_reuse_mode = 0'])
})

test('what it costs to add counters up', async () => {
  const at = await director()
  if (!since('5.16')) return expect(await at.find({ limits: { estimatorReads: 4 } })).toEqual([])
  const threads = since('6.2') ? ['net.ipv4.vs.est_nice = 0'] : []
  const { cure } = await at.cures(
    'estimation-cost',
    [
      /^3 services and real servers, counters of \d+ processors each$/,
      'net.ipv4.vs.run_estimation = 1',
      ...threads,
    ],
    { limits: { estimatorReads: 4 } },
  )
  expect(cure).toContain(since('6.2') ? 'est_nice=10' : 'run_estimation=0')
})

test('counters that stand still', { skip: !since('5.16') }, async () => {
  const at = await director()
  at.set('net.ipv4.vs.run_estimation=0')
  await at.cures('estimation-off', ['net.ipv4.vs.run_estimation = 0'])
})

/** Makes netfilter track, and gives it something to. */
const track = `nft 'add table t; add chain t c { type filter hook input priority 0; }; add rule t c ct state established accept'
bash -c 'echo > /dev/udp/127.0.0.1/9 || true'`

test('stateful rules that do not see masqueraded connections, and conntrack near its limit', async () => {
  const at = await director(masqueraded)
  at.set('net.ipv4.ip_forward=1')
  expect(await at.find()).toEqual([])
  at.run(track)
  const limit = '/proc/sys/net/netfilter/nf_conntrack_max'
  const before = readFileSync(limit, 'utf8')
  onTestFinished(() => writeFileSync(limit, before))
  await at.cures('conntrack-untracked', [
    'net.ipv4.vs.conntrack = 0',
    'net.netfilter.nf_conntrack_count = 1',
    'masqueraded: 192.0.2.10:80/tcp',
  ])
  // The limit is that of the machine.
  writeFileSync(limit, '1')
  await at.cures('conntrack-full', [
    'net.netfilter.nf_conntrack_count = 1',
    'net.netfilter.nf_conntrack_max = 1',
  ])
})

test('a scheduler that another kernel of this machine does not list', async () => {
  const kernel = '9.9.9-doctor'
  const folder = `/lib/modules/${kernel}`
  mkdirSync(`${folder}/extra`, { recursive: true })
  onTestFinished(() => rmSync(folder, { recursive: true }))
  for (const list of ['modules.dep', 'modules.builtin', 'modules.alias', 'modules.order'])
    writeFileSync(`${folder}/${list}`, '')
  const [source] = execFileSync('modinfo', ['-n', 'ip_vs_wlc'], { encoding: 'utf8' }).split('\n')
  const file = `${folder}/extra/ip_vs_wlc${/\.ko.*$/.exec(source!)![0]}`
  copyFileSync(source!, file)
  const at = await director()
  const finding = await at.cures('scheduler-missing', [
    `${folder}/modules.dep: no ip_vs_wlc`,
    `${file} is there`,
  ])
  expect(finding).toMatchObject({ severity: 'warning', cure: `depmod ${kernel}` })
})

test('a scheduler that is going to be used, and is not there', async () => {
  const at = await director()
  expect(await at.find({ schedulers: ['wrr'] })).toEqual([])
  const found = await at.find({ schedulers: ['hashing'] })
  // A warning for each other kernel that is installed.
  expect(found.filter(({ severity }) => severity === 'error')).toMatchObject([
    { id: 'scheduler-missing', evidence: [/modules\.dep: no ip_vs_hashing$/] },
  ])
})

test('a real server without the VIP', async () => {
  const at = site()
  await at.cures('vip-missing', [`${VIP} is no address of this real server`], { realServerOf: [VIP] })
  expect(await at.find({ realServerOf: [VIP] })).toEqual([])
})

test('a real server that answers ARP for the VIP, and names it in requests', async () => {
  const at = site()
  at.ip('address', 'add', `${VIP}/32`, 'dev', 'lo')
  const options = { realServerOf: [VIP] }
  expect((await at.find(options)).map(({ id }) => id)).toEqual(['vip-answers-arp', 'vip-in-arp-requests'])
  await at.cures(
    'vip-answers-arp',
    [
      'net.ipv4.conf.all.arp_ignore = 0',
      /^net\.ipv4\.conf\.\S+\.arp_ignore = 0$/,
      `${VIP} is an address of this machine`,
    ],
    options,
  )
  await at.cures(
    'vip-in-arp-requests',
    [
      'net.ipv4.conf.all.arp_announce = 0',
      /^net\.ipv4\.conf\.\S+\.arp_announce = 0$/,
      `${VIP} is an address of this machine`,
    ],
    options,
  )
  expect(await at.find(options)).toEqual([])
})

test.each([
  [VIP, 32],
  ['2001:db8::10', 128],
])('a real server with %s on a link that neighbours ask on', async (vip, length) => {
  const at = site()
  at.ip('address', 'add', `${vip}/${length}`, 'dev', 'back')
  const options = { realServerOf: [vip] }
  await at.cures('vip-answers-arp', [`${vip}/${length} is an address of link back`], options)
  expect(await at.find(options)).toEqual([])
})

test('a real server whose tunnel is filtered', async () => {
  const at = site()
  at.ip('address', 'add', `${VIP}/32`, 'dev', 'lo')
  at.set('net.ipv4.conf.all.arp_ignore=1', 'net.ipv4.conf.all.arp_announce=2')
  at.ip('link', 'add', 'tun1', 'type', 'ipip', 'remote', '10.0.0.254', 'local', '10.0.0.1')
  at.ip('link', 'set', 'tun1', 'up')
  at.ip('address', 'add', '10.1.0.1/32', 'dev', 'tun1')
  at.set('net.ipv4.conf.tun1.rp_filter=1')
  const options = { realServerOf: [VIP] }
  await at.cures(
    'reverse-path-filter',
    ['link tun1 is a tunnel', 'net.ipv4.conf.all.rp_filter = 0', 'net.ipv4.conf.tun1.rp_filter = 1'],
    options,
  )
})

test('a real server whose tunnel has no address: a loose filter drops all, until it is cured', async () => {
  const address = '192.0.2.80'
  const { machines } = await lan({ client: 2, director: 11, one: 21 })
  const { client, director, one } = machines
  await vip.add(address, { netns: director.path, interface: 'eth0' })
  const ipvs = await open(director.path)
  const service = { protocol: 'tcp', address, port: 80 } as const
  await ipvs.services.add(service)
  await ipvs.destinations.add(service, { address: '192.0.2.21', forwarding: 'tunneling' })
  execFileSync('modprobe', ['ipip'])
  const settings = ['arp_ignore=1', 'arp_announce=2', 'rp_filter=2']
  one.exec('sysctl', '-qw', ...settings.map((setting) => `net.ipv4.conf.all.${setting}`))
  one.exec('ip', 'address', 'add', `${address}/32`, 'dev', 'lo')
  one.exec('ip', 'link', 'set', 'tunl0', 'up')
  await serve(one, 'one')
  expect(ask(client, address, 1)).toEqual([null])

  const found = await doctor({ netns: one.path, realServerOf: [address] })
  expect(found).toMatchObject([
    {
      id: 'reverse-path-filter',
      evidence: [
        'link tunl0 is a tunnel, without an IPv4 address',
        'net.ipv4.conf.all.rp_filter = 2',
        'net.ipv4.conf.tunl0.rp_filter = 0',
      ],
    },
  ])
  one.exec('sh', '-ec', found[0]!.cure)
  expect(await doctor({ netns: one.path, realServerOf: [address] })).toEqual([])
  expect(ask(client, address, 1)).toEqual(['one'])
})
