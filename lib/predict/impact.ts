// Which clients a change of servers, weights or scheduler moves.
// SPDX-License-Identifier: MIT

import * as check from '../check.js'
import { NONE } from '../hashing.js'
import { schedulers } from './options.js'
import { TablePrediction } from './predict.js'
import { rendezvousFlows, rendezvousPairs } from './rendezvous.js'
import type { Table } from './table.js'
import { Tally } from './tally.js'
import type { Impact, ImpactOptions, PredictableDestination, Prediction } from './types.js'

/** Servers of both sides under one number each; 0 is none. */
interface Labels {
  readonly count: number
  /** By the order within each table. */
  readonly before: readonly number[]
  readonly after: readonly number[]
}

const labelServers = (before: Table, after: Table): Labels => {
  const labels = new Map<string, number>()
  const label = (name: string): number => {
    const known = labels.get(name) ?? labels.size + 1
    labels.set(name, known)
    return known
  }
  const [first, second] = [before.servers.names.map(label), after.servers.names.map(label)]
  return { count: labels.size + 1, before: first, after: second }
}

/** Where both choose by the same number of the client, one slot stands for all its clients. */
const sameSlots = (before: Table, after: Table): boolean =>
  before.terms.scheduler === after.terms.scheduler &&
  before.terms.size === after.terms.size &&
  before.terms.seed === after.terms.seed &&
  before.terms.usesPort === after.terms.usesPort

const tallySlots = (tally: Tally, labels: Labels, before: Table, after: Table): void => {
  for (let slot = 0; slot < before.slots.length; slot++) {
    const [from, to] = [before.slots[slot]!, after.slots[slot]!]
    tally.add(from === NONE ? 0 : labels.before[from]!, to === NONE ? 0 : labels.after[to]!, 1)
  }
}

/** By label. Without substitutes, servers that take no clients still draw them, to refuse them. */
const weightsByLabel = (
  { servers, substitutes }: Table,
  own: readonly number[],
  count: number,
): Float64Array => {
  const weights = new Float64Array(count)
  for (const [i, label] of own.entries()) {
    weights[label] = substitutes && servers.unusable[i] ? 0 : servers.weights[i]!
  }
  return weights
}

/** What becomes of a label: itself, or 0 where the server refuses its clients. */
const endsByLabel = ({ servers }: Table, own: readonly number[], count: number): Int32Array => {
  const ends = new Int32Array(count)
  for (const [i, label] of own.entries()) ends[label] = servers.unusable[i] ? 0 : label
  return ends
}

/** So many flows are worth computing; beyond, the sample is as good. */
const MOST_FLOWS = 1 << 20

/** False where there is nothing to compute. */
const tallyWeights = (tally: Tally, labels: Labels, before: Table, after: Table): boolean => {
  const [first, second] = [
    weightsByLabel(before, labels.before, labels.count),
    weightsByLabel(after, labels.after, labels.count),
  ]
  const canRun = (weights: Float64Array): boolean => weights.some((weight) => weight > 0)
  if (!canRun(first) || !canRun(second) || rendezvousPairs(first, second) > MOST_FLOWS) return false
  const from = endsByLabel(before, labels.before, labels.count)
  const to = endsByLabel(after, labels.after, labels.count)
  rendezvousFlows(first, second, (i, j, fraction) => tally.add(from[i]!, to[j]!, fraction))
  return true
}

const SAMPLE = 1 << 18

/** The finaliser of MurmurHash3: 32 bits into 32 bits, one to one. */
const scramble = (number: number): number => {
  let bits = number
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return (bits ^ (bits >>> 16)) >>> 0
}

/** Always the same clients: addresses of all bits, ports above 1023. */
const sample = (width: number): { readonly addresses: Uint8Array; readonly ports: Uint16Array } => {
  const addresses = new DataView(new ArrayBuffer(SAMPLE * width))
  for (let word = 0; word < (SAMPLE * width) / 4; word++) addresses.setUint32(4 * word, scramble(word + 1))
  const ports = Uint16Array.from({ length: SAMPLE }, (_, i) => 1024 + (scramble(i - SAMPLE) % 64512))
  return { addresses: new Uint8Array(addresses.buffer), ports }
}

const optionFields = new Set(['clients'])
const clientFields = new Set(['addresses', 'ports'])

const clientsOf = (options: ImpactOptions): ImpactOptions['clients'] => {
  check.object('options', options)
  check.knownFields('options', options, optionFields)
  if (options.clients === undefined) return undefined
  check.object('options.clients', options.clients)
  check.knownFields('options.clients', options.clients, clientFields)
  return options.clients
}

const internals = (field: string, prediction: unknown): Table => {
  if (!(prediction instanceof TablePrediction))
    throw new TypeError(`${field}: expected what predict() returns`)
  return TablePrediction.tableOf(prediction)
}

/**
 * Says which fraction of clients a change moves and where to, and the least that could not be avoided: between two
 * predictions that differ in servers, weights, scheduler or anything else. A server is the same on both sides if
 * address and port are. Connections that exist stay; this is about the next one of each client.
 * @throws TypeError or RangeError naming the field, also where the clients of both differ in family.
 */
export const impact = <D extends PredictableDestination>(
  before: Prediction<D>,
  after: Prediction<D>,
  options: ImpactOptions = {},
): Impact<D> => {
  const [first, second] = [internals('before', before), internals('after', after)]
  const given = clientsOf(options)
  if (before.family !== after.family) {
    throw new RangeError(`after: the clients are ${after.family}, those before are ${before.family}`)
  }
  const labels = labelServers(first, second)
  const tally = new Tally(labels.count)
  const byLabel = [
    destinationsByLabel(before, first, labels.before),
    destinationsByLabel(after, second, labels.after),
  ] as const
  if (given === undefined && sameSlots(first, second)) {
    if (first.terms.scheduler === schedulers.hrw) {
      if (tallyWeights(tally, labels, first, second)) return tally.result('exact', byLabel)
    } else if (!first.substitutes && !second.substitutes) {
      tallySlots(tally, labels, first, second)
      return tally.result('exact', byLabel)
    }
  }
  const { addresses, ports } = given ?? sample(first.width)
  const [from, to] = [before.indexesOf(addresses, ports), after.indexesOf(addresses, ports)]
  const [fromLabels, toLabels] = [labelsByIndex(first, labels.before), labelsByIndex(second, labels.after)]
  for (let i = 0; i < from.length; i++) tally.add(fromLabels[from[i]!] ?? 0, toLabels[to[i]!] ?? 0, 1)
  return tally.result(given === undefined ? 'sample' : 'clients', byLabel)
}

const labelsByIndex = ({ servers }: Table, own: readonly number[]): readonly number[] => {
  const labels: number[] = new Array(own.length).fill(0)
  for (const [i, label] of own.entries()) labels[servers.order[i]!] = label
  return labels
}

const destinationsByLabel = <D extends PredictableDestination>(
  { destinations }: Prediction<D>,
  { servers }: Table,
  own: readonly number[],
): readonly (D | null)[] => {
  const found: (D | null)[] = [null]
  for (const [i, label] of own.entries()) found[label] = destinations[servers.order[i]!] ?? null
  return found
}
