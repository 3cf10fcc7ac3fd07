// The modules of kmod/: made known to the kernel of the test machine, loaded or not, unloaded.
// SPDX-License-Identifier: MIT

import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, readFileSync } from 'node:fs'
import { release } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { modulesFolder } from '../kmod/modules.mjs'
import { slowness } from './slowness.ts'

export const ours = ['msh', 'maglev', 'hrw'] as const
export type Ours = (typeof ours)[number]

export const isOurs = (scheduler: string): scheduler is Ours =>
  (ours as readonly string[]).includes(scheduler)

/** What was built on the host. */
export const folder = process.env.IPVS_TEST_MODULES ?? modulesFolder(release())

/** For modprobe, and so for the kernel when it looks for a scheduler by its name. Loads nothing. */
const install = (): void => {
  const place = `/lib/modules/${release()}`
  if (!existsSync(folder)) {
    throw new Error(
      `no modules for ${release()} in ${folder}: run node test/kmod/modules.mjs [KERNEL] on the host`,
    )
  }
  if (!existsSync(join(place, 'updates/ip_vs_msh.ko')))
    cpSync(join(folder, 'index'), place, { recursive: true })
}
install()

export const loaded = (module: string): boolean =>
  `\n${readFileSync('/proc/modules', 'utf8')}`.includes(`\n${module} `)

/** Unloads them. Namespaces that ended hold them until the kernel's worker has taken those down, hence the patience. */
export const unload = async (patience = 60_000 * slowness): Promise<void> => {
  const deadline = Date.now() + patience
  for (const name of ours) {
    while (loaded(`ip_vs_${name}`)) {
      try {
        execFileSync('rmmod', [`ip_vs_${name}`], { stdio: 'pipe' })
      } catch (error) {
        if (Date.now() > deadline) throw error
        await setTimeout(100)
      }
    }
  }
}
