// `ipvs real-server`: sets this machine up as a real server for direct routing or tunneling, and undoes it.
// SPDX-License-Identifier: MIT

import { type RealServerStatus, type SetRealServerOptions, set, status, undo } from '../real-server.js'
import { atMost, readArguments } from './arguments.js'
import { UsageError, unknownWord } from './failure.js'
import { openOptions } from './io.js'
import { toJson } from './json.js'
import type { Run } from './subcommands.js'

const usage = `usage: ipvs real-server add VIP [--forwarding METHOD] [--interface NAME]...
       ipvs real-server remove VIP
       ipvs real-server status

Makes this machine take packets for a VIP that a director sends it, and reply to clients itself: binds the VIP to the
dummy device ipvs-rs, keeps quiet about it (arp_ignore 1, arp_announce 2), and sets up tunl0 or ip6tnl0. What remove has
to put back is kept in the kernel, in the alias of ipvs-rs.

--forwarding METHOD  direct-routing (default) or tunneling
--interface NAME     keep quiet on this one only; may be repeated (all that speak ARP)
--netns NAME|PATH    in another network namespace
--json               print JSON
Exit status: 0 done, 1 failed (what was changed is put back), 2 the command line is wrong.
`

const verbs = ['add', 'remove', 'status'] as const

const textOf = ({ vips, interfaces, tunnels }: RealServerStatus): string =>
  [
    ...vips.map(({ address }) => `vip ${address}`),
    ...interfaces.map(
      ({ name, arpIgnore, arpAnnounce, before }) =>
        `interface ${name} arp_ignore ${arpIgnore} (was ${before.arpIgnore}) arp_announce ${arpAnnounce} (was ${before.arpAnnounce})`,
    ),
    ...tunnels.map(({ name, up, before }) => `tunnel ${name} ${up ? 'up' : 'down'} (was ${before})`),
  ]
    .map((line) => `${line}\n`)
    .join('')

const run = async (verb: (typeof verbs)[number], vip: string, options: SetRealServerOptions) => {
  try {
    if (verb === 'add') return await set(vip, options)
    const { netns } = options
    return verb === 'remove' ? await undo(vip, { netns }) : await status({ netns })
  } catch (error) {
    throw error instanceof TypeError || error instanceof RangeError
      ? new UsageError(`real-server: ${error.message}`)
      : error
  }
}

export const realServer: Run = async (args, io) => {
  const parsed = readArguments('real-server', usage, args, io, {
    forwarding: { type: 'string' },
    interface: { type: 'string', multiple: true },
  })
  if (parsed === undefined) return 0
  const { values, positionals } = parsed
  const [verb, vip, ...rest] = positionals
  const known = verbs.find((one) => one === verb)
  if (verb === undefined) throw new UsageError(`real-server: what is to be done? ${verbs.join(', ')}`)
  if (known === undefined) throw unknownWord('real-server command', verb, verbs)
  atMost('real-server', known === 'status' ? positionals.slice(1) : rest, 0)
  if (known !== 'status' && vip === undefined) throw new UsageError(`real-server ${known}: which VIP?`)
  const now = await run(known, vip ?? '', {
    ...openOptions(values.netns),
    forwarding: values.forwarding as SetRealServerOptions['forwarding'],
    interfaces: values.interface,
  })
  if (values.json) io.out(`${toJson(now)}\n`)
  else if (known === 'status') io.out(textOf(now))
  return 0
}
