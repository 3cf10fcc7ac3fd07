// Drain: quiesce a real server, wait until its connections have ended, delete it; and the way back, undrain.
// SPDX-License-Identifier: MIT

import * as check from './check.js'
import type { Destinations } from './destinations.js'
import type { Director } from './director.js'
import { type DrainNote, drainNotes } from './drain-notes.js'
import { unlessGone } from './gone.js'
import { pause } from './pause.js'
import type { Services } from './services.js'
import { type Sysctls, sysctls as table } from './sysctls-table.js'
import type { CallOptions, DestinationKey, DestinationStatus, ServiceKey } from './types.js'

/** What drain() needs of a client. */
export type DrainClient = Pick<Director, 'timeouts'> & {
  /** Reads the service. */
  readonly services: Pick<Services, 'get'>
  /** Quiesces, counts and deletes the real server. */
  readonly destinations: Pick<Destinations, 'get' | 'list' | 'edit' | 'delete'>
}

/** What still counts as a client of the server. */
const counts = {
  'no-active': ({ activeConns }: DestinationStatus) => activeConns,
  'no-connections': ({ activeConns, inactiveConns }: DestinationStatus) => activeConns + inactiveConns,
  'no-templates': ({ activeConns, inactiveConns, persistentConns }: DestinationStatus) =>
    activeConns + inactiveConns + persistentConns,
} as const

const keeping = { never: 'never', 'at-deadline': 'at-deadline', always: 'always' } as const

/** Options of drain(). */
export interface DrainOptions {
  /**
   * When the server counts as drained:
   * - `no-active`: no connection of TCP or SCTP is established or being set up. Sooner, but inactive are also half-closed
   *   connections that still carry data, and every flow of UDP: those are cut.
   * - `no-connections` (default): no inactive one either. The kernel keeps closed connections for some time: 120 s in
   *   TIME_WAIT, 10 s after a reset, UDP flows for timeouts().udp.
   * - `no-templates`: no persistence template either, so that no client loses its server before it would anyway.
   */
  readonly until?: keyof typeof counts | undefined
  /**
   * How long to wait: milliseconds from now, or a point in time, which a second drain after a crash can be given again.
   * Then the server is deleted whatever is left (see `keep`). Default: for as long as it takes, which may be for ever
   * where persistence or UDP lets clients stay.
   */
  readonly deadline?: number | Date | undefined
  /**
   * When the server is left in the table, quiesced: `never` (default), `at-deadline` (when connections were left then), or
   * `always` (for maintenance: undrain() brings it back).
   */
  readonly keep?: keyof typeof keeping | undefined
  /** Milliseconds between two readings, 1..2147483647. Default 1000. */
  readonly interval?: number | undefined
  /** Kernel settings of the director, see readSysctls(): the notes say more where they are known. Default: unknown. */
  readonly sysctls?: Sysctls | undefined
  /** Ends the waiting and leaves the server quiesced. */
  readonly signal?: AbortSignal | undefined
}

/** What drain() sees at a reading. */
export interface DrainProgress {
  /**
   * `waiting`; and of the last item how it ended:
   * - `drained`: nothing is left.
   * - `deadline`: it passed with `left` still there.
   * - `gone`: somebody else deleted the server or the service.
   * - `restored`: somebody gave the server a weight; it serves, and is left alone.
   * - `aborted`: by the signal. The server is quiesced: drain() again goes on, undrain() takes it back.
   */
  readonly state: 'waiting' | 'drained' | 'deadline' | 'gone' | 'restored' | 'aborted'
  /** How many of what `until` counts were there at the last reading. */
  readonly left: number
  /** As of {@link DestinationStatus.activeConns}, at the last reading. */
  readonly activeConns: number
  /** As of {@link DestinationStatus.inactiveConns}. */
  readonly inactiveConns: number
  /** As of {@link DestinationStatus.persistentConns}. */
  readonly persistentConns: number
  /**
   * The weight that this call took from the server, for undrain(). null when it was 0 already, as after a crash: the
   * kernel does not remember, so keep it beside your configuration.
   */
  readonly weightBefore: number | null
  /** True when this call deleted the server. */
  readonly deleted: boolean
  /** Milliseconds since the call. */
  readonly elapsed: number
  /** What a person should know about it now. */
  readonly notes: readonly DrainNote[]
}

/** Before a server counts as drained it is read a second time, for what was scheduled while its weight was set. */
const CONFIRM = 100
/** A dump may leave a real server out while others change the table, but hardly so many in a row. */
const ABSENCES = 3
const LONGEST = 0x7fffffff

const fields = new Set(['until', 'deadline', 'keep', 'interval', 'sysctls', 'signal'])
const sysctlFields = new Set(Object.keys(table))

/** Checked options; `deadline` in milliseconds from now. */
const read = (options: DrainOptions) => {
  check.object('options', options)
  check.knownFields('options', options, fields)
  const {
    until = 'no-connections',
    deadline,
    keep = 'never',
    interval = 1000,
    sysctls = {},
    signal,
  } = options
  check.callOptions({ signal })
  check.object('options.sysctls', sysctls)
  check.knownFields('options.sysctls', sysctls, sysctlFields)
  return {
    count: check.oneOf('options.until', until, counts),
    deadline: deadline === undefined ? Infinity : milliseconds(deadline),
    keep: check.oneOf('options.keep', keep, keeping),
    interval: check.integer('options.interval', interval, 1, LONGEST),
    sysctls,
    signal,
  }
}

const milliseconds = (deadline: number | Date): number => {
  if (!(deadline instanceof Date))
    return check.integer('options.deadline', deadline, 0, Number.MAX_SAFE_INTEGER)
  if (Number.isNaN(deadline.getTime())) throw new RangeError('options.deadline: an invalid Date')
  return deadline.getTime() - Date.now()
}

/**
 * Takes a real server out of service without breaking connections: sets its weight to 0 (all else is kept), so that new
 * clients go elsewhere, waits until its connections have ended or the deadline has passed, and deletes it. Yields after
 * each reading; the last item tells how it ended.
 *
 * It works while it is iterated: whoever stops iterating leaves the server quiesced. All that it must remember is in the
 * table (weight 0, connections), so that after a crash, an error or an abort drain() again simply goes on. Any number of
 * servers may be drained at once. Each director has a table of its own: drain on each.
 *
 * @throws TypeError or RangeError about the arguments, at once.
 * @throws the signal's reason when it aborts before anything was changed; later it ends with `aborted`.
 * @throws IpvsError 'no-such-service' or 'no-such-destination' when there is none to begin with, or one that any call
 * throws; the server may be quiesced then.
 */
export const drain = (
  client: DrainClient,
  service: ServiceKey,
  destination: DestinationKey,
  options: DrainOptions = {},
): AsyncGenerator<DrainProgress, void, undefined> =>
  run(client, service, destination, read(options), performance.now())

async function* run(
  client: DrainClient,
  key: ServiceKey,
  destination: DestinationKey,
  { count, deadline, keep, interval, sysctls, signal }: ReturnType<typeof read>,
  start: number,
): AsyncGenerator<DrainProgress, void, undefined> {
  const call: CallOptions = { signal }
  const [service, timeouts, found] = await Promise.all([
    client.services.get(key, call),
    client.timeouts(call),
    client.destinations.get(key, destination, call),
  ])
  const weightBefore = found.weight === 0 ? null : found.weight
  if (weightBefore !== null) await client.destinations.edit(key, found, { weight: 0 }, call)

  let own = found
  let others: readonly DestinationStatus[] = []
  const item = (state: DrainProgress['state'], deleted = false): DrainProgress => ({
    state,
    left: count(own),
    activeConns: own.activeConns,
    inactiveConns: own.inactiveConns,
    persistentConns: own.persistentConns,
    weightBefore,
    deleted,
    elapsed: performance.now() - start,
    // Of a server that serves, or is no more, nothing of this holds.
    notes:
      state === 'gone' || state === 'restored'
        ? []
        : drainNotes({ service, destination: own, others, timeouts, sysctls, deleted }),
  })

  for (let absences = 0, clear = false; ; ) {
    const servers = await unlessGone(client.destinations.list(key))
    const again = servers?.find(({ address, port }) => address === found.address && port === found.port)
    const late = performance.now() - start >= deadline
    if (servers === undefined || (again === undefined && ++absences === ABSENCES)) return yield item('gone')
    if (again !== undefined) {
      own = again
      others = servers.filter((server) => server !== again)
      absences = 0
      if (own.weight !== 0) return yield item('restored')
      const left = count(own)
      if (!signal?.aborted && (late || (left === 0 && clear))) {
        const stays = keep === 'always' || (keep === 'at-deadline' && left > 0)
        if (!stays && !(await remove(client, key, found))) return yield item('gone')
        return yield item(left === 0 ? 'drained' : 'deadline', !stays)
      }
      clear = left === 0
      if (!signal?.aborted) yield item('waiting')
    }
    const rest = Math.min(
      interval,
      clear || absences > 0 ? CONFIRM : LONGEST,
      deadline - performance.now() + start,
    )
    await pause(Math.max(0, rest), signal)
    if (signal?.aborted) return yield item('aborted')
  }
}

/** True when this call deleted it; false when somebody else was faster. */
const remove = async (client: DrainClient, key: ServiceKey, server: DestinationStatus): Promise<boolean> =>
  (await unlessGone(client.destinations.delete(key, server).then(() => true))) ?? false

/**
 * Gives a quiesced real server its weight back; all else is kept. A drain of it that is going on, in whatever process,
 * sees that and ends with `restored`. The kernel does not know the weight of before: take it from your configuration,
 * or from `weightBefore` of the drain.
 * @param weight 1..2147483647.
 * @throws TypeError or RangeError about the arguments.
 * @throws IpvsError 'no-such-destination' when the server was deleted meanwhile: then add it. Or 'no-such-service', or one
 * that any call throws.
 */
export const undrain = async (
  client: { readonly destinations: Pick<Destinations, 'edit'> },
  service: ServiceKey,
  destination: DestinationKey,
  weight: number,
  options: CallOptions = {},
): Promise<void> => {
  check.integer('weight', weight, 1, LONGEST)
  await client.destinations.edit(service, destination, { weight }, options)
}
