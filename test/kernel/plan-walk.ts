// Random tables to desire, foreign services, and a second writer, for the random walk.
// SPDX-License-Identifier: MIT

import {
  type DesiredService,
  type DesiredTable,
  type Destination,
  type Ipvs,
  IpvsError,
  type ServiceKey,
  type Snapshot,
} from '../../lib/index.ts'
import type { Namespace } from './namespace.ts'

/** Numbers below `limit`, the same for the same seed (mulberry32). */
export const numbers = (seed: number): ((limit: number) => number) => {
  let state = seed >>> 0
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0
    let bits = Math.imul(state ^ (state >>> 15), 1 | state)
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)
    return ((bits ^ (bits >>> 14)) >>> 0) % limit
  }
}

type Random = (limit: number) => number
const pick = <T>(random: Random, list: readonly T[]): T => list[random(list.length)]!
/** Some of a list, in random order. */
const some = <T>(random: Random, list: readonly T[], most: number): T[] => {
  const left = [...list]
  return Array.from(
    { length: random(Math.min(most, list.length) + 1) },
    () => left.splice(random(left.length), 1)[0]!,
  )
}

/** What is owned: 192.0.2.0/24, 2001:db8:1::/48 and marks below 100, but mark 7 of IPv6, whose namesake of IPv4 is. */
export const owns = ({ address, fwmark, family }: ServiceKey): boolean =>
  fwmark !== undefined
    ? fwmark < 100 && !(fwmark === 7 && family === 'ipv6')
    : /^(192\.0\.2\.|2001:db8:1:)/.test(address!)

const keys: readonly ServiceKey[] = [
  ...[1, 2, 3, 4].map((i) => ({ protocol: 'tcp' as const, address: `192.0.2.${i}`, port: 80 })),
  { protocol: 'udp', address: '192.0.2.1', port: 53 },
  { protocol: 'sctp', address: '192.0.2.2', port: 5060 },
  { protocol: 'tcp', address: '2001:db8:1::1', port: 443 },
  { protocol: 'tcp', address: '2001:db8:1::2', port: 443 },
  { fwmark: 7, family: 'ipv4' },
  { fwmark: 8, family: 'ipv6' },
]

const schedulers = ['rr', 'wrr', 'lc', 'wlc', 'sed', 'nq', 'sh', 'mh'] as const

const isV6 = (key: ServiceKey): boolean => key.family === 'ipv6' || key.address?.includes(':') === true

/** Every attribute named, so that what is there afterwards can be told from it alone. */
const destination = (random: Random, key: ServiceKey, i: number): Destination => {
  const forwarding = pick(random, ['masquerading', 'masquerading', 'tunneling', 'direct-routing'] as const)
  const upperThreshold = pick(random, [0, 0, 10, 1000])
  const port = forwarding === 'masquerading' && key.fwmark === undefined ? 8000 + (i % 2) : (key.port ?? 80)
  return {
    address: isV6(key) ? `2001:db8:a::${i + 1}` : `10.0.0.${i + 1}`,
    port: key.fwmark === undefined ? port : 80,
    forwarding,
    weight: pick(random, [0, 1, 1, 5, 100, 70_000]),
    upperThreshold,
    lowerThreshold: upperThreshold === 0 ? 0 : random(upperThreshold),
    ...(forwarding === 'tunneling'
      ? { tunnel: pick(random, [{ type: 'ipip' }, { type: 'gue', port: 6080, checksum: 'none' }] as const) }
      : {}),
  }
}

const service = (random: Random, key: ServiceKey): DesiredService => {
  const scheduler = pick(random, schedulers)
  const hashing = scheduler === 'sh' || scheduler === 'mh'
  const netmask = isV6(key) ? pick(random, [64, 128]) : pick(random, ['255.255.255.0', '255.255.255.255'])
  const persistence = { timeout: pick(random, [60, 360]), netmask, engine: null }
  const slots = some(random, [0, 1, 2, 3, 4, 5, 6, 7], 6)
  return {
    ...key,
    scheduler,
    schedulerFlags: hashing ? some(random, ['fallback', 'port'] as const, 2) : [],
    persistence: random(3) === 0 ? persistence : null,
    onePacket: key.protocol === 'udp' && random(2) === 0,
    destinations: slots.map((i) => destination(random, key, i)),
  }
}

export const table = (random: Random): DesiredTable => ({
  services: some(random, keys, keys.length).map((key) => service(random, key)),
})

/** What others have made beside, by the means of others. */
export const foreigners: readonly string[] = [
  '-A -t 198.51.100.1:80 -s sh -b sh-port,sh-fallback -p 77 -M 255.255.0.0',
  '-a -t 198.51.100.1:80 -r 10.0.0.1:80 -i -w 3 -x 9 -y 4 --tun-type gue --tun-port 6081',
  '-a -t 198.51.100.1:80 -r 10.0.0.2:80 -g -w 0',
  '-A -u 198.51.100.1:53 -s rr -o',
  '-a -u 198.51.100.1:53 -r 10.0.0.1:5353 -m -w 70000',
  '-A -f 1000 -s lc',
  '-a -f 1000 -r 10.0.0.7:0 -g -w 1',
  '-A -f 7 -6 -s wrr',
  '-a -f 7 -6 -r [2001:db8:a::1]:0 -g -w 5',
  '-A -t [2001:db8:2::1]:80 -s nq',
  '-a -t [2001:db8:2::1]:80 -r [2001:db8:a::1]:80 -m -w 2',
]

/** `ipvsadm -Sn`, a text for each service with its real servers in the kernel's order. */
export const blocks = (netns: Namespace): readonly string[] =>
  netns
    .ipvsadm('-Sn')
    .split(/\n(?=-A)/)
    .map((block) => block.trim())
    .filter((block) => block !== '')
    .sort()

export const isForeign = (block: string): boolean =>
  /^-A (-[tu] (198\.51|\[2001:db8:2:)|-f 1000|-f 7 -6)/.test(block)

/** What is foreign as the client reads it, thresholds too, which `-Sn` leaves out; no counters, no connections. */
export const foreignState = ({ services }: Snapshot): readonly string[] =>
  services
    .filter((key) => !owns(key))
    .map(({ stats, destinations, ...service }) =>
      JSON.stringify({
        ...service,
        destinations: destinations.map(
          ({ stats, activeConns, inactiveConns, persistentConns, ...rest }) => rest,
        ),
      }),
    )
    .sort()

const foreignKeys: readonly ServiceKey[] = [
  { protocol: 'tcp', address: '198.51.100.1', port: 80 },
  { protocol: 'udp', address: '198.51.100.1', port: 53 },
  { fwmark: 1000, family: 'ipv4' },
  { fwmark: 7, family: 'ipv6' },
  { protocol: 'tcp', address: '2001:db8:2::1', port: 80 },
]

const ignored = new Set(['service-exists', 'no-such-service', 'destination-exists', 'no-such-destination'])

const quietly = async (call: Promise<unknown>): Promise<void> => {
  try {
    await call
  } catch (error) {
    if (!(error instanceof IpvsError && ignored.has(error.reason))) throw error
  }
}

/** The same done in turn to what is foreign here, and in a namespace where nobody else changes anything. */
export const changeForeign = async (
  writers: readonly Ipvs[],
  random: Random,
  times: number,
): Promise<void> => {
  for (let i = 0; i < times; i++) {
    const key = pick(random, foreignKeys)
    const server = destination(random, key, random(4))
    const scheduler = pick(random, schedulers)
    const [weight, upperThreshold] = [random(4), 1 + random(100)]
    const act = random(7)
    for (const { services, destinations } of writers) {
      const acts = [
        () => services.add({ ...key, scheduler }),
        () => services.edit(key, { scheduler, persistence: weight === 0 ? null : { timeout: weight } }),
        () => destinations.add(key, server),
        () => destinations.delete(key, server),
        () => destinations.edit(key, server, { weight }),
        () => destinations.edit(key, server, { upperThreshold, lowerThreshold: upperThreshold - 1 }),
        () => (weight === 0 ? services.delete(key) : destinations.add(key, server)),
      ]
      await quietly(acts[act]!())
    }
  }
}

/** Somebody who changes what is owned without knowing what is there. */
export const interfere = async (ipvs: Ipvs, random: Random, times: number): Promise<void> => {
  for (let i = 0; i < times; i++) {
    const key = pick(random, keys)
    const server = destination(random, key, random(8))
    const { services, destinations } = ipvs
    const acts = [
      () => services.add({ ...key, scheduler: 'rr' }),
      () => services.delete(key),
      () => services.edit(key, { scheduler: pick(random, schedulers) }),
      () => services.edit(key, { persistence: random(2) === 0 ? null : { timeout: 5 } }),
      () => destinations.add(key, server),
      () => destinations.delete(key, server),
      () => destinations.edit(key, server, { weight: random(3) }),
      () => destinations.edit(key, server, { upperThreshold: 3, lowerThreshold: 1 }),
    ]
    await quietly(pick(random, acts)())
  }
}
