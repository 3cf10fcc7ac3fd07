// Carries out the command of a rule.
// SPDX-License-Identifier: MIT

import type { Director } from '../director.js'
import type { IpvsSync } from '../sync.js'
import type { DestinationSettings, Service, ServiceSettings } from '../types.js'
import type { RuleCommand } from './command.js'

/** What a line says is what was asked for, useful or not: ipvsadm and the kernel take it. */
const force = { force: true }

const settingsOf = ({ scheduler, schedulerFlags, persistence, onePacket }: Service): ServiceSettings => ({
  scheduler,
  schedulerFlags,
  persistence,
  onePacket,
})

const run = (client: Director, command: RuleCommand): Promise<void> => {
  switch (command.verb) {
    case 'add-service':
      return client.services.add(command.service, force)
    case 'edit-service':
      return client.services.edit(command.service, settingsOf(command.service), force)
    case 'delete-service':
      return client.services.delete(command.service)
    case 'add-destination':
      return client.destinations.add(command.service, command.destination, force)
    case 'edit-destination': {
      const { address, port, ...settings } = command.destination
      return client.destinations.edit(
        command.service,
        { address, port },
        settings satisfies DestinationSettings,
        force,
      )
    }
    case 'delete-destination':
      return client.destinations.delete(command.service, command.destination)
    case 'flush':
      return client.flush()
    case 'zero':
      return command.service === undefined ? client.zero() : client.services.zero(command.service)
    case 'set':
      return client.setTimeouts(command.timeouts)
    case 'start-daemon':
      return client.daemons.start(command.daemon)
    case 'stop-daemon':
      return client.daemons.stop(command.state)
  }
}

export const perform: (client: Director, command: RuleCommand) => Promise<void> = run
/** The synchronous client has the same verbs; each is done when it returns. */
export const performSync = run as unknown as (client: IpvsSync, command: RuleCommand) => void
