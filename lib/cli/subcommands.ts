// The subcommands: what each is for, and the file that has it, loaded when it is called.
// SPDX-License-Identifier: MIT

import type { Io } from './io.js'

/** Returns the exit status; undefined is 0. A Failure ends with status 1, a UsageError with 2. */
export type Run = (args: string[], io: Io) => Promise<number | undefined>

export interface Subcommand {
  readonly summary: string
  readonly load: () => Promise<Run>
}

/** To add one: a file that exports a Run, and a line here; the test of the usage wants it in man page and completions. */
export const subcommands: Readonly<Record<string, Subcommand>> = {
  plan: {
    summary: 'say what has to change so that the table is as desired',
    load: async () => (await import('./plan.js')).plan,
  },
  apply: {
    summary: 'make the table as desired, in a safe order',
    load: async () => (await import('./apply.js')).apply,
  },
  drain: {
    summary: 'take a real server out when its connections have ended',
    load: async () => (await import('./drain.js')).drain,
  },
  undrain: {
    summary: 'give it its weight back',
    load: async () => (await import('./drain.js')).undrain,
  },
  watch: {
    summary: 'print changes and rates as they come',
    load: async () => (await import('./watch.js')).watch,
  },
  top: {
    summary: 'show services, real servers and rates, live',
    load: async () => (await import('./top.js')).top,
  },
  connections: {
    summary: 'print the connections, all or some',
    load: async () => (await import('./connections.js')).connections,
  },
  save: {
    summary: 'print the table with timeouts and daemons, for restore',
    load: async () => (await import('./save.js')).save,
  },
  restore: {
    summary: 'carry out saved lines, all or none',
    load: async () => (await import('./restore.js')).restore,
  },
  predict: {
    summary: 'say which server a client gets',
    load: async () => (await import('./predict.js')).predict,
  },
  impact: {
    summary: 'say which clients a change would move',
    load: async () => (await import('./impact.js')).impact,
  },
  doctor: {
    summary: 'say what is wrong around IPVS on this machine, and how to cure it',
    load: async () => (await import('./doctor.js')).doctor,
  },
  sysctl: {
    summary: 'list, get and set the sysctls of IPVS, and profiles of them',
    load: async () => (await import('./sysctl.js')).sysctl,
  },
  vip: {
    summary: 'bind, list and announce the addresses of services',
    load: async () => (await import('./vip.js')).vip,
  },
  'real-server': {
    summary: 'set this machine up for direct routing or tunneling',
    load: async () => (await import('./real-server.js')).realServer,
  },
  dkms: {
    summary: "the schedulers msh, maglev and hrw as modules of this machine's kernels",
    load: async () => {
      const { dkms } = await import('./dkms.js')
      return async (args) => {
        await dkms(args)
        return undefined
      }
    },
  },
}
