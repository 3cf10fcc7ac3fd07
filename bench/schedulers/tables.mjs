// The measurements as tables.
// SPDX-License-Identifier: MIT

const table = (head, rows) =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |\n`).join('')

/** Two digits that tell something. */
const percent = (fraction) => {
  const value = 100 * fraction
  return value === 0
    ? '0'
    : value >= 99.95 && value < 100
      ? value.toFixed(2)
      : String(Number(value.toPrecision(value >= 10 ? 3 : 2)))
}
const ratio = (value) => (value >= 100 ? value.toFixed(0) : value.toFixed(2))
const bytes = (value) => (value < 512 ? '< 0.5 KiB' : `${(value / 1024).toFixed(value < 10_240 ? 1 : 0)} KiB`)
const spreadOf = ({ peak, starved }) => (starved > 0 ? `${ratio(peak)}, **${starved} starved**` : ratio(peak))
const time = ({ median, least, most }, unit = 1) =>
  [median, least, most]
    .map((value) => Number((value / unit).toPrecision(3)))
    .reduce(
      (text, value, i) => (i === 0 ? `${value}` : i === 1 ? `${text} (${value}` : `${text}…${value})`),
      '',
    )

const placements = (results) => {
  const rows = results.placements.filter(({ agreement }) => agreement)
  return table(
    [
      'scheduler',
      'servers',
      'agree',
      'agree, host × ports',
      'remove',
      'add',
      '100→99',
      'drain: refused',
      'drain',
      'delete then',
    ],
    rows.map((row) => [
      row.scheduler,
      row.servers,
      percent(row.agreement.hosts),
      percent(row.agreement['hosts x 10 ports']),
      percent(row.remove.excess),
      percent(row.add.excess),
      percent(row.reweight.moved),
      percent(row.drain.refused),
      percent(row.drain.excess),
      percent(row.delete.excess),
    ]),
  )
}

const shares = (results) => {
  const names = Object.keys(results.placements[0].shares)
  return table(
    ['scheduler', 'servers', ...names],
    results.placements.map((row) => [
      row.scheduler,
      row.servers,
      ...names.map((name) => spreadOf(row.shares[name])),
    ]),
  )
}

/** Schedulers in rows, numbers of servers in columns. */
const byServers = (list, cell) => {
  const sizes = [...new Set(list.map(({ servers }) => servers))]
  const names = [...new Set(list.map(({ scheduler }) => scheduler))]
  return table(
    ['scheduler', ...sizes.map((size) => `${size} servers`)],
    names.map((name) => [
      name,
      ...sizes.map((size) => cell(list.find((row) => row.scheduler === name && row.servers === size))),
    ]),
  )
}

const loading = ({ load }) => {
  const of = (name) => load.find(({ scheduler }) => scheduler === name)
  const against = (row, name) => (row.settled.median / of(name).settled.median).toFixed(2)
  return table(
    ['scheduler', 'answered', 'in use', 'of wlc', 'of mh'],
    load.map((row) => [
      row.scheduler,
      time(row.answered),
      time(row.settled),
      against(row, 'wlc'),
      against(row, 'mh'),
    ]),
  )
}

const memoryOf = ({ memory }, scheduler, servers) =>
  bytes(memory.find((row) => row.scheduler === scheduler && row.servers === servers).bytes)

/** For the README: one row for each scheduler and number of servers. */
const overview = (results) =>
  table(
    [
      'servers',
      'scheduler',
      'two directors agree',
      'moved needlessly: remove',
      'add',
      '100→99',
      'drain, then delete',
      'refused by a drain',
      'fullest server: equal',
      'random 1..100',
      '1000 : 1',
      'one 99',
      'memory',
    ],
    results.placements
      .filter(({ agreement }) => agreement)
      .map((row) => [
        row.servers,
        `\`${row.scheduler}\``,
        `${percent(row.agreement.hosts)} / ${percent(row.agreement['hosts x 10 ports'])}`,
        percent(row.remove.excess),
        percent(row.add.excess),
        percent(row.reweight.excess),
        `${percent(row.drain.excess)} + ${percent(row.delete.excess)}`,
        percent(row.drain.refused),
        ...['equal', 'random 1..100', 'one 1000, others 1', 'one 99, others 100'].map((name) =>
          spreadOf(row.shares[name]),
        ),
        memoryOf(results, row.scheduler, row.servers),
      ]),
  )

const costOverview = ({ schedule, load }) => {
  const wlc = load.find(({ scheduler }) => scheduler === 'wlc').settled.median
  const [few, many] = [50, load[0].servers]
  const at = (scheduler, servers) =>
    schedule.find((row) => row.scheduler === scheduler && row.servers === servers)
  const microseconds = (figure) => (figure ? Number((figure.median / 1000).toPrecision(2)) : '')
  return table(
    [
      'scheduler',
      `adding ${many} servers, of \`wlc\``,
      `new connection, ${few} servers`,
      `${many} servers`,
      `${few} servers, all overloaded`,
      `${many}, all overloaded`,
      `${many}, all drained`,
    ],
    load.map(({ scheduler, settled }) => [
      `\`${scheduler}\``,
      `${(settled.median / wlc).toFixed(2)} ×`,
      microseconds(at(scheduler, few).up),
      microseconds(at(scheduler, many).up),
      microseconds(at(scheduler, few).overloaded),
      microseconds(at(scheduler, many).overloaded),
      microseconds(at(scheduler, many).drained),
    ]),
  )
}

/** The part of the README between its markers. */
export const readme = (
  results,
) => `Measured on Linux ${results.kernel.replace(/-amd64$/, '')} on ${results.date}, \`sh\` and \`mh\` being the kernel's own modules beside ours (\`npm run
bench:schedulers\`; more in [RESULTS.md](bench/schedulers/RESULTS.md)). Percent of ${results.clients.toLocaleString('en')} clients: *agree*, two directors that
learned their servers in different order, on hosts of their own / ten ports on each host; *moved needlessly*, clients of
servers that did not change. *Fullest server*: its clients against what its weight would give it, for weights as named.

${overview(results)}
Cost, in the emulated machine, where only ratios tell (microseconds for each new connection; *overloaded* and *drained*
with the flag \`fallback\`):

${costOverview(results)}`

export function tables(results) {
  const { schedule } = results
  const down = schedule.filter(({ overloaded }) => overloaded)
  return `# Schedulers, measured

${results.date}, commit ${results.commit}, Linux ${results.kernel} in an emulated machine (QEMU, no KVM) with
${results.processors} processors; \`npm run bench:schedulers\`. Times are medians of ${results.rounds} interleaved
rounds (least…most): read them as ratios. \`sh\` and \`mh\` are the kernel's own modules, asked through the same
interface as ours; defaults everywhere (\`sh\` 256 slots, \`mh\` 4093, \`msh\` 32768, \`maglev\` 16381).

## Agreement and movement

Percent of ${results.clients} random clients. *agree*: two directors that learned their servers in different orders,
on hosts of their own, and ten ports on each host. Then, for one server: clients of **other** servers that
move when it is removed, added, drained (weight 0) and deleted after that; *100→99*: all that move when its weight
becomes 99; *refused*: clients of the drained server, without the fallback flag.

${placements(results)}
## Shares

The server with most clients, against what its weight would give it (1 is fair; *fair draw*: what chance alone makes
of as many clients).

${shares(results)}
## Memory

Of a service, beside what IPVS itself takes; measured over 60 services or more.

${byServers(results.memory, (row) => bytes(row.bytes))}
## Cost of a change

Milliseconds to add ${results.load[0].servers} servers one by one, in one batch of the client, and until the scheduler
uses all of them.

${loading(results)}
## Cost of a new connection

Nanoseconds of \`schedule()\` in the emulated kernel.

${byServers(schedule, ({ up }) => time(up))}
The same for a client that nobody can take: every server is above its threshold, with the fallback flag …

${byServers(down, ({ overloaded }) => time(overloaded))}
… or has weight 0.

${byServers(down, ({ drained }) => time(drained))}
Nanoseconds of a choice by \`predict()\`, which compiles the source of the modules (of \`sh\` and \`mh\`: our
rendering of theirs), on the machine itself, not emulated.

${byServers(results.lookups, (row) => time(row))}`
}
