// `ipvs save`: the whole table as text or JSON.
// SPDX-License-Identifier: MIT

import { save as saveTable } from '../save.js'
import { atMost, readArguments } from './arguments.js'
import { withClient } from './io.js'
import { toJson } from './json.js'
import type { Run } from './subcommands.js'

const usage = `usage: ipvs save [--netns NAME|PATH] [--json]

Prints the table as lines for \`ipvs restore\`: those of \`ipvsadm -S -n\`, and thresholds, timeouts, daemons and what
ipvsadm has no words for. Restored, they give the same table.

--json   services, timeouts and daemons as JSON, counters included
Exit status: 0 done, 1 failed, 2 the command line is wrong.
`

export const save: Run = async (args, io) => {
  const parsed = readArguments('save', usage, args, io, {})
  if (parsed === undefined) return 0
  const { netns, json } = parsed.values
  atMost('save', parsed.positionals, 0)
  const text = await withClient(netns, async (client) => {
    if (!json) return saveTable(client)
    const [{ services, stable }, timeouts, daemons] = await Promise.all([
      client.snapshot(),
      client.timeouts(),
      client.daemons.list(),
    ])
    return `${toJson({ stable, timeouts, daemons, services })}\n`
  })
  io.out(text)
  return 0
}
