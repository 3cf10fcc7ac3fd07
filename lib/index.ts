// The public names, nothing else.
// SPDX-License-Identifier: MIT

export type { Command } from './abi.js'
export type { FieldChange, TableChange } from './changes.js'
export type { OpenOptions, TransactionContext } from './channel.js'
export type { Connection, ConnectionEndpoint } from './connection-line.js'
export { type ConnectionFilter, type ConnectionsOptions, connections } from './connections.js'
export type { Daemons } from './daemons.js'
export type { Destinations } from './destinations.js'
export type { Director } from './director.js'
export {
  type DrainClient,
  type DrainOptions,
  type DrainProgress,
  drain,
  undrain,
} from './drain.js'
export type { DrainNote } from './drain-notes.js'
export { IpvsError, type Reason } from './errors.js'
export { Ipvs } from './ipvs.js'
export type { NetworkNamespace } from './netlink/socket.js'
export { apply } from './plan/apply.js'
export { formatChange, formatPlan } from './plan/format.js'
export { plan, planBetween } from './plan/plan.js'
export { reconcile } from './plan/reconcile.js'
export type * from './plan/types.js'
export { impact } from './predict/impact.js'
export { predict } from './predict/predict.js'
export type * from './predict/types.js'
export type { Rates } from './rates.js'
export type { Request } from './request.js'
export { type Restored, type RestoreOptions, restore } from './restore.js'
export { save } from './save.js'
export type { Services } from './services.js'
export { IpvsSync } from './sync.js'
export { readSysctls, type Sysctls } from './sysctls.js'
export type { RuleCommand } from './text/command.js'
export { formatRules, type RuleTable } from './text/format.js'
export { type ParseOptions, parseRules, type Rule, type RuleFault, RulesError } from './text/parse.js'
export type * from './types.js'
export {
  type WatchClient,
  type WatchedDestination,
  type WatchedService,
  type WatchedTable,
  type WatchOptions,
  watch,
} from './watch.js'
