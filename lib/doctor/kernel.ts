// Checks of the kernel itself: modules of schedulers, and what it costs to add counters up.
// SPDX-License-Identifier: MIT

import { before } from '../kernel-version.js'
import type { Check, Facts } from './types.js'

const ours: readonly string[] = ['msh', 'maglev', 'hrw']

export const schedulerMissing: Check = ({ schedulers }) =>
  schedulers
    .filter(({ listed }) => !listed)
    .map(({ scheduler, kernel, running, file }) => ({
      id: 'scheduler-missing',
      severity: running ? 'error' : 'warning',
      evidence: [
        `/lib/modules/${kernel}/modules.dep: no ip_vs_${scheduler}`,
        ...(file === undefined ? [] : [`${file} is there`]),
      ],
      consequence: running
        ? `a service with scheduler ${scheduler} cannot be added, also after the next boot`
        : `after a boot with that kernel no service with scheduler ${scheduler} can be added`,
      cure:
        file !== undefined
          ? `depmod ${kernel}`
          : ours.includes(scheduler)
            ? `ipvs dkms install --kernel ${kernel}`
            : `apt-get install linux-modules-extra-${kernel}`,
    }))

/** One for each service and each real server, and one for the totals. */
const estimators = ({ services }: Facts): number =>
  services.reduce((sum, { destinations }) => sum + 1 + destinations.length, 1)

/** run_estimation came with 5.16, the threads with 6.2: before, nothing can be done. */
const THREADS = '6.2'

export const estimationCost: Check = (facts) => {
  const { run_estimation: run, est_nice: nice } = facts.sysctls
  const count = estimators(facts)
  const reads = count * facts.processors
  if (run === undefined || run === 0 || reads < facts.limits.estimatorReads) return []
  const evidence = [
    `${count - 1} services and real servers, counters of ${facts.processors} processors each`,
    `net.ipv4.vs.run_estimation = ${run}`,
  ]
  if (before(facts.kernel, THREADS)) {
    return [
      {
        id: 'estimation-cost',
        severity: 'warning',
        evidence,
        consequence: `before Linux ${THREADS} one timer adds up ${reads} counters every 2 s, and packets of that processor wait`,
        cure: 'sysctl -w net.ipv4.vs.run_estimation=0',
        price: 'counters and rates of services and real servers stand still, for ipvsadm, watch and metrics',
      },
    ]
  }
  if (nice !== 0) return []
  return [
    {
      id: 'estimation-cost',
      severity: 'notice',
      evidence: [...evidence, `net.ipv4.vs.est_nice = ${nice}`],
      consequence: `threads (ipvs-e:…) add up ${reads} counters every 2 s, with the same priority as other programs`,
      cure: 'sysctl -w net.ipv4.vs.est_nice=10',
      price:
        'rates may lag on a busy machine; net.ipv4.vs.est_cpulist keeps the threads off processors instead',
    },
  ]
}

export const estimationOff: Check = (facts) => {
  const reads = estimators(facts) * facts.processors
  if (facts.sysctls.run_estimation !== 0 || facts.services.length === 0) return []
  if (reads >= facts.limits.estimatorReads) return [] // then it is meant
  return [
    {
      id: 'estimation-off',
      severity: 'notice',
      evidence: ['net.ipv4.vs.run_estimation = 0'],
      consequence:
        'counters and rates of services and real servers stand still, for ipvsadm, watch and metrics',
      cure: 'sysctl -w net.ipv4.vs.run_estimation=1',
    },
  ]
}
