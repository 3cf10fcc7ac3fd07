// What is wrong with a command whatever the table is: found by the client's own checks, and nothing is sent.
// SPDX-License-Identifier: MIT

import { Director } from '../director.js'
import type { KnowsScheduler } from '../plan/schedulers.js'
import type { Runner, Sync } from '../request.js'
import type { IpvsSync } from '../sync.js'
import type { RuleCommand } from './command.js'
import { performSync } from './perform.js'

/** Makes each request, which is where arguments are checked, and drops it. */
const idle: Sync<Runner> = {
  call(make) {
    make()
    return undefined as never
  },
  run(make) {
    make()
    return undefined as never
  },
}

const nobody = new Director(idle as unknown as Runner) as unknown as IpvsSync

const missingModule = (command: RuleCommand, knows: KnowsScheduler): string | undefined => {
  if (command.verb !== 'add-service' && command.verb !== 'edit-service') return undefined
  const { scheduler = 'wlc', persistence } = command.service
  if (knows(scheduler) === false)
    return `no such scheduler: no module ip_vs_${scheduler} for the running kernel`
  // The module of an engine is named as that of a scheduler would be.
  const engine = persistence?.engine
  return engine && knows(`pe_${engine}`) === false
    ? `no such persistence engine: no module ip_vs_pe_${engine} for the running kernel`
    : undefined
}

/** What the client or every kernel of this host would refuse; undefined where there is nothing. */
export const ownFault = (command: RuleCommand, knows: KnowsScheduler): string | undefined => {
  try {
    performSync(nobody, command)
  } catch (error) {
    return (error as Error).message
  }
  return missingModule(command, knows)
}
