// The plots, from what the run wrote: file name to vega-lite specification.
// SPDX-License-Identifier: MIT
import { colours } from './draw.mjs'
import { count } from './format.mjs'
import { schedulerPlots } from './scheduler-plots.mjs'

/** What a series is called, and its colour: the client's stand out. */
const changeSeries = {
  async: ['ipvs, async', colours[0]],
  sync: ['ipvs, sync', colours[5]],
  floor: ['floor (C)', '#000000'],
  'ipvsadm, a process each': ['ipvsadm, a process', colours[1]],
}
const ruleSeries = {
  'nft -f': ['nft -f: a service', colours[2]],
  'iptables-restore --noflush': ['iptables-restore: a service', colours[3]],
  'iptables, 11 processes': ['iptables: a service', colours[4]],
}

function change(cases) {
  const ipvs = cases.change.rows
    .filter((row) => row.change === 'add')
    .map(({ rival, services, p50 }) => ({
      ...{ series: changeSeries[rival][0], services, microseconds: p50.median },
    }))
  const firewall = (cases.rules?.rows ?? [])
    .filter(({ rival }) => ruleSeries[rival])
    .map(({ rival, services, milliseconds }) => ({
      ...{ series: ruleSeries[rival][0], services, microseconds: 1000 * milliseconds.median },
    }))
  const values = [...ipvs, ...firewall]
  const highest = (name) =>
    Math.max(...values.filter(({ series }) => series === name).map(({ microseconds }) => microseconds))
  const order = [...new Set(values.map(({ series }) => series))].sort((a, b) => highest(b) - highest(a))
  const range = order.map(
    (name) => Object.values({ ...changeSeries, ...ruleSeries }).find(([series]) => series === name)[1],
  )
  return {
    title: {
      text: 'One change, against the number of services in the table',
      subtitle:
        'Median time to add a real server (firewall: a service with two of them); both axes are logarithmic',
    },
    width: 560,
    height: 360,
    data: { values },
    mark: { type: 'line', point: { size: 55 }, strokeWidth: 2 },
    encoding: {
      x: {
        ...{ field: 'services', type: 'quantitative', title: 'services in the table' },
        ...{ scale: { type: 'log', nice: false }, axis: { values: [10, 100, 1000, 10_000], format: ',' } },
      },
      y: {
        ...{ field: 'microseconds', type: 'quantitative', title: 'microseconds' },
        ...{ scale: { type: 'log' }, axis: { format: ',', tickCount: 6 } },
      },
      color: { field: 'series', sort: order, scale: { domain: order, range }, title: null },
      shape: { field: 'series', sort: order, scale: { domain: order }, title: null },
    },
  }
}

function load(cases) {
  const { rows, small } = cases.load
  const values = rows
    .filter(({ operations, perSecond }) => operations === small && perSecond)
    .map(({ rival, perSecond }) => ({
      ...{ rival, perSecond: perSecond.median, min: perSecond.min, max: perSecond.max },
      ...{ ours: rival.startsWith('client'), text: count(Math.round(perSecond.median)) },
    }))
  const y = { field: 'rival', type: 'nominal', sort: '-x', title: null, axis: { labelLimit: 260 } }
  const axis = { values: [1, 10, 100, 1000, 10_000, 100_000, 1_000_000], format: ',' }
  const most = Math.max(...values.map(({ perSecond }) => perSecond))
  const x = { type: 'quantitative', scale: { type: 'log', domain: [1, 4 * most], nice: false } }
  return {
    title: {
      text: `Bulk load of ${count(small)} operations`,
      subtitle: '2,000 services with five real servers each, from nothing; the axis is logarithmic',
    },
    width: 560,
    height: { step: 28 },
    data: { values },
    layer: [
      {
        mark: { type: 'bar' },
        encoding: {
          y,
          x: { ...x, field: 'perSecond', title: 'operations a second', axis },
          x2: { datum: 1 },
          color: {
            field: 'ours',
            scale: { domain: [true, false], range: [colours[0], '#a8a8a8'] },
            legend: null,
          },
        },
      },
      {
        mark: { type: 'text', align: 'left', dx: 5, fontSize: 12 },
        encoding: { y, x: { ...x, field: 'perSecond' }, text: { field: 'text' } },
      },
    ],
  }
}

/** `schedulers`: what bench/schedulers found, or undefined. */
export const plots = ({ cases }, schedulers) => ({
  change: change(cases),
  load: load(cases),
  ...schedulerPlots(cases.shares, schedulers),
})
