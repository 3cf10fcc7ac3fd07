// Rules: every table can be written as lines that mean the same table, and wrong lines are named.
// SPDX-License-Identifier: MIT

import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  type DestinationStatus,
  formatRules,
  parseRules,
  type Rule,
  RulesError,
  type ServiceStatus,
  type SnapshotService,
} from '../../lib/index.ts'
import { daemonFromWire, daemonToWire } from '../../lib/model/daemon.ts'
import { destinationFromWire, destinationToWire } from '../../lib/model/destination.ts'
import { serviceFromWire, serviceKey, serviceToWire } from '../../lib/model/service.ts'
import { withHosts } from '../../lib/text/hosts.ts'
import { readRules } from '../../lib/text/parse.ts'
import { daemon, destinationOf, service } from './arbitrary.ts'

const isV6 = (address: string): boolean => address.includes(':')

/** A service with servers, as the kernel gives it back. */
const table: fc.Arbitrary<SnapshotService> = service.chain((one) => {
  const status = serviceFromWire(serviceToWire(one))
  return fc
    .uniqueArray(destinationOf(status.family, status.port ?? 0), {
      maxLength: 4,
      selector: ({ address, port }) => `${address} ${port}`,
    })
    .map((destinations) => ({
      ...status,
      destinations: destinations.map((to) => destinationFromWire(destinationToWire(serviceKey(one), to), 0)),
    }))
})

/** What the rules make of an empty kernel. */
const built = (rules: readonly Rule[]): SnapshotService[] => {
  const services: (ServiceStatus & { destinations: DestinationStatus[] })[] = []
  for (const { command } of rules) {
    if (command.verb === 'add-service') {
      services.push({ ...serviceFromWire(serviceToWire(command.service)), destinations: [] })
    } else if (command.verb === 'add-destination') {
      const key = serviceKey(command.service)
      // The newest first, as in the kernel; and only to the service that is named.
      const last = services.at(-1)!
      expect(serviceKey(last)).toEqual(key)
      last.destinations.unshift(destinationFromWire(destinationToWire(key, command.destination), 0))
    } else expect(['set', 'start-daemon']).toContain(command.verb)
  }
  return services
}

test('what is written is read again as it was', () => {
  fc.assert(
    fc.property(table, (one) => {
      expect(built(parseRules(formatRules({ services: [one] })))).toEqual([one])
    }),
    { numRuns: 500 },
  )
})

test('what is seen but cannot be added by plain words survives, too', () => {
  const text = [
    '-A --protocol-service 1/192.0.2.1:0 -s rr --force',
    '-a --protocol-service 1/192.0.2.1:0 -r 10.0.0.1:5 --forwarding direct-routing -w 1',
    '-A -t 192.0.2.1:80 -s rr -o --force',
    '-a -t 192.0.2.1:80 -r 10.0.0.3:80 --forwarding bypass -w 0',
    '-a -t 192.0.2.1:80 -r 10.0.0.2:81 --forwarding tunneling -w 9 --tun-type gre --tun-flags 5 -x 4',
    '-a -t 192.0.2.1:80 -r 10.0.0.1:80 --forwarding method-6 -w 1 -x 7 -y 3',
    '-A -t 192.0.2.1:90 -s sh -b sh-port,flag-3',
    '',
  ].join('\n')
  expect(formatRules({ services: built(parseRules(text)) })).toBe(text)
})

/** All that a kernel of 100 ticks a second takes, whoever has set it. */
const seconds = fc.integer({ min: 1, max: 21_474_836 })
const timeouts = fc.record({ tcp: seconds, tcpFin: seconds, udp: seconds })

test('the same table is the same text, whatever order the kernel has it in', () => {
  // By ipvsadm's differences, which run over, each of these comes before the next, and the last before the first.
  const rules = ['10.0.0.1', '100.0.0.1', '200.0.0.1'].map((address) => `-A -t ${address}:80 -s rr\n`)
  const services = built(parseRules(rules.join('')))
  for (const order of [
    [0, 1, 2],
    [2, 0, 1],
    [1, 2, 0],
    [2, 1, 0],
  ])
    expect(formatRules({ services: order.map((i) => services[i]!) })).toBe(rules.join(''))
})

test('timeouts and daemons', () => {
  fc.assert(
    fc.property(daemon, timeouts, (one, timeouts) => {
      const status = daemonFromWire(daemonToWire(one))
      const [first, second] = parseRules(formatRules({ services: [], timeouts, daemons: [status] }))
      expect(first).toEqual({ line: 1, command: { verb: 'set', timeouts } })
      expect(second).toMatchObject({ line: 2, command: { verb: 'start-daemon' } })
      if (second?.command.verb === 'start-daemon') {
        expect(daemonFromWire(daemonToWire(second.command.daemon))).toEqual(status)
      }
    }),
  )
})

test('the short way through usual lines means what the long way means', () => {
  const tails = [
    '',
    ' -m',
    ' -w 5 -i',
    ' -g -w 3 -x 5 -y 1',
    ' -m -r 10.0.0.9',
    ' --netns x',
    ' extra',
    ' -A',
    ' -m -g',
    ' ipvs -w 3',
    ' ipvsadm',
  ]
  const places = [
    '10.0.0.1',
    '10.0.0.2:8080',
    '[2001:db8::1]:80',
    '2001:db8::2',
    'bad/host',
    '80',
    '10.0.0.1:x',
  ]
  const read = (line: string) => {
    const { rules, faults } = readRules(line, () => undefined)
    // Of two mistakes each may find the other one first.
    return { commands: rules.map(({ command }) => command), isWrong: faults.length > 0 }
  }
  for (const tail of tails) {
    for (const place of places) {
      for (const line of [
        `-a -t 192.0.2.1:80 -r ${place}${tail}`,
        `-A -u ${place}${tail}`,
        `-A -t ${place} -s rr${tail}`,
      ]) {
        // A tab or a carriage return makes a line unusual.
        expect(read(line), line).toEqual(read(line.replace(' ', '\t')))
        expect(read(`${line}\r`), line).toEqual(read(line))
      }
    }
  }
})

test('wrong lines are named with their number, all at once', () => {
  const text =
    '-A -t 192.0.2.1:80\n\n# said\n-A -t 192.0.2.1\n-a -t 192.0.2.1:80 -r 10.0.0.1 --wieght 3\n-L\n'
  const failure = () => parseRules(text)
  expect(failure).toThrow(RulesError)
  try {
    failure()
  } catch (error) {
    const { faults, message } = error as RulesError
    expect(faults.map(({ line }) => line)).toEqual([4, 5, 6])
    expect(message).toBe(
      [
        'line 4: port 0, which is every port, needs persistence (-p) (-A -t 192.0.2.1)',
        'line 5: unknown option --wieght; did you mean --weight? (-a -t 192.0.2.1:80 -r 10.0.0.1 --wieght 3)',
        'line 6: --list changes nothing (-L)',
      ].join('\n'),
    )
  }
})

test('host names: those that are given, or those that the system knows', async () => {
  const line = '-A -t web.example:http -s rr\n'
  expect(() => parseRules(line)).toThrow('nor a known host')
  expect(parseRules(line, { hosts: new Map([['web.example', '192.0.2.7']]) })).toMatchObject([
    { command: { service: { protocol: 'tcp', address: '192.0.2.7', port: 80 } } },
  ])
  const asked = await withHosts((host) => host('localhost'))
  expect(asked).toBe('127.0.0.1')
  expect(await withHosts((host) => host('no-such-host.invalid'))).toBeUndefined()
  await expect(
    withHosts(() => {
      throw new RangeError('wrong')
    }),
  ).rejects.toThrow('wrong')
})

test('addresses as inet_aton reads them', () => {
  const addressOf = (text: string) => {
    const [rule] = parseRules(`-D -t ${text}:80`)
    return rule?.command.verb === 'delete-service' ? rule.command.service.address : undefined
  }
  expect(addressOf('10.1')).toBe('10.0.0.1')
  expect(addressOf('0x0a000001')).toBe('10.0.0.1')
  expect(addressOf('010.0.0.1')).toBe('8.0.0.1')
  expect(addressOf('192.168.257')).toBe('192.168.1.1')
  for (const wrong of ['256.1.1.1', '1.2.3.4.5', '08.1', '192.168.65536', '10', '']) {
    expect(() => addressOf(wrong), wrong).toThrow(RulesError)
  }
  expect(isV6(addressOf('[2001:db8::1]')!)).toBe(true)
  expect(() => addressOf('[fe80::1%eth0]')).toThrow(RulesError)
})
