// The public names, nothing else.
// SPDX-License-Identifier: MIT

export type { Command } from './abi.js'
export type { AnnounceOptions } from './announce.js'
export type { DestinationChange, FieldChange, FieldChanges, ServiceChange, TableChange } from './changes.js'
export type { OpenOptions, TransactionContext } from './channel.js'
export type { Connection, ConnectionEndpoint } from './connection-line.js'
export {
  type ConnectionDestination,
  type ConnectionFilter,
  type ConnectionsOptions,
  connections,
} from './connections.js'
export type { Daemons } from './daemons.js'
export type { Destinations } from './destinations.js'
export type { Director } from './director.js'
export { doctor } from './doctor/doctor.js'
export type {
  DoctorLimits,
  DoctorOptions,
  Finding,
  FindingId,
  Severity,
} from './doctor/types.js'
export {
  type DrainClient,
  type DrainOptions,
  type DrainProgress,
  drain,
  undrain,
} from './drain.js'
export type { DrainNote } from './drain-notes.js'
export { IpvsError, type Reason } from './errors.js'
export type { Where } from './files.js'
export { Ipvs } from './ipvs.js'
export type { NetworkNamespace } from './netlink/socket.js'
export { apply } from './plan/apply.js'
export { formatChange, formatPlan } from './plan/format.js'
export { plan, planBetween } from './plan/plan.js'
export { reconcile } from './plan/reconcile.js'
export type { KnowsScheduler } from './plan/schedulers.js'
export type * from './plan/types.js'
export { impact } from './predict/impact.js'
export { predict } from './predict/predict.js'
export type * from './predict/types.js'
export {
  type AppliedProfile,
  applyProfile,
  compareProfile,
  type ProfileEntry,
  type ProfileName,
  type ProfileOptions,
  profile,
} from './profile.js'
export type { Rates } from './rates.js'
export type {
  ArpSettings,
  RealServerForwarding,
  RealServerInterface,
  RealServerOptions,
  RealServerStatus,
  RealServerTunnel,
  SetRealServerOptions,
} from './real-server.js'
export * as realServer from './real-server.js'
export type { Request, Sync } from './request.js'
export { type Restored, type RestoreOptions, restore } from './restore.js'
export type { RouteCommand } from './route/abi.js'
export { save } from './save.js'
export type { Services } from './services.js'
export { IpvsSync } from './sync.js'
export {
  getSysctl,
  readSysctls,
  type SettingChange,
  setSysctl,
} from './sysctls.js'
export {
  type SysctlInfo,
  type SysctlName,
  type Sysctls,
  type SysctlValue,
  sysctls,
} from './sysctls-table.js'
export type { DestinationRule, RuleCommand, RuleOf, ServiceRule } from './text/command.js'
export { formatRules, type RuleTable } from './text/format.js'
export { type ParseOptions, parseRules, type Rule, type RuleFault, RulesError } from './text/parse.js'
export type * from './types.js'
export type { AddVipOptions, ListVipsOptions, RemoveVipOptions, Vip, VipOptions } from './vip.js'
export * as vip from './vip.js'
export {
  type Rated,
  type WatchClient,
  type WatchedDestination,
  type WatchedService,
  type WatchedTable,
  type WatchOptions,
  watch,
} from './watch.js'
