// The plots about schedulers: agreement of directors, clients moved needlessly, and how evenly servers are used.
// SPDX-License-Identifier: MIT
import { colours } from './draw.mjs'
import { count } from './format.mjs'

const events = {
  remove: 'server removed',
  add: 'server added',
  drain: 'server drained',
  delete: 'then deleted',
  reweight: 'weight 100→99',
}

function agreement({ placements }) {
  const found = placements.filter((row) => row.agreement)
  const sizes = [...new Set(found.map(({ servers }) => servers))]
  const servers = sizes.includes(200) ? 200 : sizes.at(-1)
  const rows = found.filter((row) => row.servers === servers)
  const order = rows.map(({ scheduler }) => scheduler)
  const x = { field: 'scheduler', type: 'nominal', sort: order, title: null, axis: { labelAngle: 0 } }
  const color = { field: 'scheduler', sort: order, scale: { range: colours }, legend: null }
  const text = { type: 'text', dy: -7, fontSize: 11 }
  const panel = (title, values, width) => ({
    title: { text: title, fontSize: 13, fontWeight: 'normal' },
    data: { values },
    facet: {
      column: {
        ...{ field: 'kind', title: null, header: { labelFontSize: 12 } },
        sort: [...new Set(values.map(({ kind }) => kind))],
      },
    },
    spec: {
      width,
      height: 170,
      layer: [
        { mark: 'bar', encoding: { color } },
        { mark: text, encoding: { text: { field: 'value', format: '.3~r' } } },
      ],
      encoding: {
        x,
        y: {
          field: 'value',
          type: 'quantitative',
          title: 'percent of clients',
          scale: { domain: [0, 110] },
          axis: { values: [0, 25, 50, 75, 100] },
        },
      },
    },
  })
  const agree = rows.flatMap(({ scheduler, agreement }) => [
    { scheduler, value: 100 * agreement.hosts, kind: 'a host each' },
    { scheduler, value: 100 * agreement['hosts x 10 ports'], kind: 'ten ports a host' },
  ])
  const moved = Object.entries(events).flatMap(([event, kind]) =>
    rows.map((row) => ({ scheduler: row.scheduler, value: 100 * row[event].excess, kind })),
  )
  return {
    title: {
      text: `Schedulers with ${count(servers)} servers`,
      subtitle: 'Measured in the kernel, over random clients',
    },
    vconcat: [
      panel(
        'Two directors that learned their servers in different order send a client to the same one',
        agree,
        260,
      ),
      panel('Clients of other servers that move although nothing happened to theirs', moved, 200),
    ],
  }
}

/** How many servers got which part of a fair share. */
function shares({ servers, clients, rows }) {
  const values = rows.flatMap(({ scheduler, ratios }) => ratios.map((ratio) => ({ scheduler, ratio })))
  const order = rows.map(({ scheduler }) => scheduler)
  const most = Math.max(2, ...values.map(({ ratio }) => ratio + 0.05))
  return {
    title: {
      text: `Clients of each of ${count(servers)} equal servers`,
      subtitle: `${count(clients)} clients, first hosts of random /30 networks; 1 is a fair share`,
    },
    data: { values },
    facet: {
      row: {
        field: 'scheduler',
        sort: order,
        title: null,
        header: { labelAngle: 0, labelAlign: 'left', labelPadding: 14 },
      },
    },
    spec: {
      width: 520,
      height: 90,
      mark: { type: 'bar', binSpacing: 0 },
      encoding: {
        x: {
          field: 'ratio',
          type: 'quantitative',
          bin: { step: 0.05 },
          title: 'clients, of a fair share',
          scale: { domain: [0, most] },
          axis: { tickCount: 6, format: '.1f' },
        },
        y: { aggregate: 'count', type: 'quantitative', title: 'servers', axis: { tickCount: 3 } },
        color: { field: 'scheduler', sort: order, scale: { range: colours }, legend: null },
      },
    },
    resolve: { scale: { y: 'independent' } },
  }
}

export const schedulerPlots = (shareCounts, measured) => ({
  ...(measured ? { schedulers: agreement(measured) } : {}),
  ...(shareCounts ? { shares: shares(shareCounts) } : {}),
})
