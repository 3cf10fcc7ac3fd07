// The public types of plan, apply and reconcile.
// SPDX-License-Identifier: MIT

import type { Impact } from '../predict/types.js'
import type {
  Destination,
  DestinationSettings,
  Service,
  ServiceKey,
  ServiceSettings,
  ServiceStatus,
} from '../types.js'

/**
 * A service of a desired table: what is not named is kept as it is, or gets the kernel's and ipvsadm's default where
 * the service has to be added.
 */
export type DesiredService = Service & {
  /**
   * Its real servers: all of them, so that others are deleted (see {@link PlanOptions.prune}). Absent: whatever real
   * servers it has are nobody's concern here.
   */
  readonly destinations?: readonly Destination[] | undefined
}

/**
 * The table as it ought to be: plain JSON, described by `ipvs/schema/table.json`. What `snapshot()` returns is one,
 * too; its counters are not looked at.
 */
export interface DesiredTable {
  /** Each service once, in any order. */
  readonly services: readonly DesiredService[]
  /** For editors: where the JSON Schema is. */
  readonly $schema?: string | undefined
  /** Of a snapshot. */
  readonly stable?: boolean | undefined
}

/** Options of plan() and planBetween(). */
export interface PlanOptions {
  /**
   * Which services may be touched; the others are foreign. Called with the identity of a service, addresses in their
   * usual spelling. Default: those that the desired table names. A desired table that names a foreign service is
   * refused.
   */
  readonly owns?: ((service: ServiceKey) => boolean) | undefined
  /**
   * Leave the weights of real servers that are there already. `drained`: leave those that are 0, which somebody set to
   * drain the server, and set the others. Default false: weights that the desired table names are set. Servers that
   * are added get their weight either way, also those that a drain deleted: drain with `keep: 'always'` what the table
   * still names. A server that an apply had quiesced when it was ended, before it could delete it, counts as drained, too.
   */
  readonly keepWeights?: boolean | 'drained' | undefined
  /**
   * What is deleted because the desired table does not name it. `destinations` (default): real servers of services
   * that it names with a list of `destinations`. true: these, and services of `owns`, which is needed then: without
   * quiescing their servers and without waiting for connections, since new clients would be refused anyway. false:
   * nothing.
   */
  readonly prune?: boolean | 'destinations' | undefined
  /**
   * Allow what the kernel accepts but can hardly serve (see `WriteOptions.force`), and schedulers that this host seems
   * not to have. Default false.
   */
  readonly force?: boolean | undefined
  /**
   * For how many services at most to compute which clients change their real server; true: for all, false: for none.
   * Each takes up to some ms of this thread (msh: 5). Default 32; of reconcile() false.
   */
  readonly impact?: boolean | number | undefined
}

/** All settings of a service, as `services.get()` returns them. */
export type ServiceState = Pick<ServiceStatus, 'scheduler' | 'schedulerFlags' | 'persistence' | 'onePacket'>

/** The identity of a real server, complete. */
export interface DestinationName {
  /** In its usual spelling. */
  readonly address: string
  /** 0..65535. */
  readonly port: number
}

/** A real server with all its settings, as `destinations.list()` returns them. */
export type DestinationState = DestinationName & DestinationSettings

/** A service with its real servers, as it was when the plan was made. */
export type ServiceContents = ServiceSettings & {
  /** In the kernel's order, newest first. */
  readonly destinations: readonly DestinationState[]
}

/** A change of a virtual service. */
export interface ServicePlannedChange<Kind extends string, Before, After> {
  /** What is done, and to what. */
  readonly kind: Kind
  /** The service that it is about, or whose real server. */
  readonly service: ServiceKey
  /** What was there when the plan was made; null where there was nothing. */
  readonly before: Before
  /** What will be; null where it is deleted. */
  readonly after: After
}

/** A change of a real server. */
export interface DestinationPlannedChange<Kind extends string, Before, After>
  extends ServicePlannedChange<Kind, Before, After> {
  /** The real server that it is about. */
  readonly destination: DestinationName
}

/** A weight and nothing else. */
export interface WeightState<Weight extends number = number> {
  /** 0..2147483647. */
  readonly weight: Weight
}

/**
 * One change of the table: what it is about, what was there and what will be. Of an edit, `before` and `after` hold
 * the settings that it changes and no others.
 *
 * `quiesce-destination` is weight 0 ahead of the deletion: no new client is sent to a server that is about to go. Not
 * with schedulers that would refuse those clients until it is deleted: sh and mh without the flag `fallback`, and dh.
 * What `delete-destination` has as `before` is how it is just before: with weight 0 where it was quiesced.
 */
export type PlannedChange =
  | ServicePlannedChange<'add-service', null, ServiceSettings>
  | ServicePlannedChange<'edit-service', ServiceSettings, ServiceSettings>
  | ServicePlannedChange<'delete-service', ServiceContents, null>
  | DestinationPlannedChange<'add-destination', null, DestinationSettings>
  | DestinationPlannedChange<'edit-destination', DestinationSettings, DestinationSettings>
  | DestinationPlannedChange<'quiesce-destination', WeightState, WeightState<0>>
  | DestinationPlannedChange<'delete-destination', DestinationSettings, null>

/** What a planned change does: `add-service`, `edit-destination` and so on. */
export type PlannedChangeKind = PlannedChange['kind']

/** What the changes do to the clients of a service whose scheduler goes by their address. */
export interface ServiceImpact extends Pick<Impact, 'moved' | 'minimum' | 'excess' | 'basis'> {
  /** The service whose clients are moved. */
  readonly service: ServiceKey
}

/** The changes that make a table what it ought to be. A plain object: JSON.stringify() and back loses nothing. */
export interface Plan {
  /** Of this format. */
  readonly version: 1
  /**
   * In the order in which they are made. Whatever prefix of it was made, no service is without the servers that it
   * had and without those that it will have: services are added and edited first, then real servers added, edited
   * (weights that come up from 0 first, those that go down to 0 last), quiesced, deleted, and at last services deleted.
   */
  readonly changes: readonly PlannedChange[]
  /**
   * For services with a hashing scheduler (msh, maglev, hrw, sh, mh) whose clients are moved by the changes, largest
   * share first; see impact(). Computed for the default table size and seed, and without regard to persistence.
   */
  readonly impacts: readonly ServiceImpact[]
  /** Services with a hashing scheduler for which that was not computed, see PlanOptions.impact. */
  readonly impactsOmitted: number
  /** As it was given to plan(). */
  readonly force: boolean
  /** That of the snapshot: false when the table kept changing while it was read, so that another plan may follow. */
  readonly stable: boolean
}

/** Options of apply(). */
export interface ApplyOptions {
  /**
   * Milliseconds that quiesced real servers get to end their active connections before they are deleted, 0..2147483647,
   * default 1000. It ends as soon as there are none. Enough for what is short-lived; drain a server to wait for more.
   * 0 deletes at once, and breaks connections in their first moment. Not waited for: UDP, whose flows all count as
   * inactive; servers that were not quiesced because of their scheduler; services that are deleted as a whole.
   */
  readonly grace?: number | undefined
  /** Sends no further change; those under way are waited for, and the result tells what was done. */
  readonly signal?: AbortSignal | undefined
}

/** How a change ended. */
export interface OutcomeOf<Status extends string> {
  /** `done`, `failed`, or `skipped`: not tried. */
  readonly status: Status
  /** The change, as the plan has it. */
  readonly change: PlannedChange
}

/** What became of a change. */
export type ChangeOutcome =
  | (OutcomeOf<'done'> & {
      /** False where somebody else had made it already. */
      readonly written: boolean
    })
  | (OutcomeOf<'failed'> & {
      /** An IpvsError of the kernel's answer; a TypeError or RangeError where the client refused to send it. */
      readonly error: Error
    })
  | (OutcomeOf<'skipped'> & {
      /**
       * `depends`: on a change that was not made. `changed`: what it would change is not as the plan saw it, so that
       * another plan is due. `aborted`: by the signal.
       */
      readonly reason: 'depends' | 'changed' | 'aborted'
      /** The same in words, with what it depends on or what was found. */
      readonly explanation: string
    })

/** What apply() did. */
export interface ApplyResult {
  /** True when every change is done. */
  readonly complete: boolean
  /** One for each change of the plan, in its order. */
  readonly outcomes: readonly ChangeOutcome[]
}

/** Options of reconcile(), beside those of plan(). */
export interface ReconcileOptions extends PlanOptions {
  /** As of apply(). */
  readonly grace?: number | undefined
  /**
   * Milliseconds from the end of a round to the next look at the table, 0..2147483647, default 30000; shortened at
   * random by up to a tenth, so that directors do not keep step. 0: only when the source has a new table.
   */
  readonly period?: number | undefined
  /**
   * After a round that failed or was incomplete: milliseconds to the next one, doubled each time up to the longest, and
   * shortened at random by up to a half. A new table ends the wait.
   */
  readonly backoff?:
    | {
        /** 1..2147483647, default 1000. */
        readonly first?: number | undefined
        /** From `first` to 2147483647, default 60000. */
        readonly longest?: number | undefined
      }
    | undefined
  /**
   * Ends it: the changes that are on their way come to their end, the others of the round are not made, and the iteration
   * ends. A server that was to be deleted may then stay, quiesced.
   */
  readonly signal?: AbortSignal | undefined
}

/** One comparison of the table with the latest desired one, and what was done about it. */
export interface ReconcileRound {
  /** From 1. */
  readonly number: number
  /** The source has a new table; the period is over, so that changes repair what others did; the last round failed. */
  readonly cause: 'source' | 'period' | 'retry'
  /** null where it could not be made; see `error`. */
  readonly plan: Plan | null
  /** What apply() returned; null where it was not called, or threw. */
  readonly result: ApplyResult | null
  /** Why there is no plan or no result: an IpvsError, or a TypeError or RangeError about the desired table. */
  readonly error: Error | null
  /** Milliseconds until the next round, if no new table comes before; null where none is due. */
  readonly next: number | null
}
