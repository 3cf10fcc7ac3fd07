// A director, or a real server, in a namespace with links of its own; its faults found, cured, and gone.
// SPDX-License-Identifier: MIT

import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { doctor } from '../../lib/doctor/doctor.ts'
import type { DoctorOptions, Finding, FindingId } from '../../lib/doctor/types.ts'
import type { Destination, Ipvs, ServiceSettings } from '../../lib/index.ts'
import { type Namespace, namespace, open } from './namespace.ts'

export const VIP = '192.0.2.10'
export const web = { protocol: 'tcp', address: VIP, port: 80 } as const

/** Both ends of each link are here: nobody has to answer. */
const links = `
link add front type veth peer front-peer
link add back type veth peer back-peer
link set front up
link set front-peer up
link set back up
link set back-peer up
address add 192.0.2.1/24 dev front
address add 10.0.0.254/24 dev back
route add default via 192.0.2.254
`
const settings = `sysctl -qw net.ipv4.ip_forward=0 ${['all', 'default', 'front', 'back']
  .map((link) => `net.ipv4.conf.${link}.rp_filter=0`)
  .join(' ')}`

/** `ipvs` as the cures call it. */
let bin: string | undefined
const commands = (): string => {
  if (bin === undefined) {
    bin = mkdtempSync(join(tmpdir(), 'doctor-bin-'))
    const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
    writeFileSync(join(bin, 'ipvs'), `#!/bin/sh\nexec ${process.execPath} ${main} "$@"\n`, { mode: 0o755 })
  }
  return bin
}

export class Site {
  readonly netns: Namespace

  constructor(netns: Namespace) {
    this.netns = netns
  }

  ip(...words: readonly string[]): string {
    return this.netns.exec('ip', ...words)
  }

  set(...settings: readonly string[]): void {
    this.netns.exec('sysctl', '-qw', ...settings)
  }

  find(options: DoctorOptions = {}): Promise<readonly Finding[]> {
    return doctor({ netns: this.netns.path, ...options })
  }

  /** In a shell, as a person would paste it. */
  run(command: string): void {
    this.netns.exec('sh', '-ec', `PATH=${commands()}:$PATH; ${command}`)
  }

  /**
   * The fault is found, with evidence that matches each; its own cure makes it go. The finding is returned.
   */
  async cures(
    id: FindingId,
    evidence: readonly (string | RegExp)[],
    options: DoctorOptions = {},
  ): Promise<Finding> {
    const found = (await this.find(options)).filter((each) => each.id === id)
    expect(found.map((each) => each.id)).toEqual([id])
    const [finding] = found as [Finding]
    expect(finding.consequence.length).toBeGreaterThan(20)
    expect(finding.evidence).toHaveLength(evidence.length)
    for (const [i, each] of evidence.entries()) {
      if (typeof each === 'string') expect(finding.evidence[i]).toBe(each)
      else expect(finding.evidence[i]).toMatch(each)
    }
    this.run(finding.cure)
    expect((await this.find(options)).map((each) => each.id)).not.toContain(id)
    return finding
  }
}

/** With links front and back, and no filter; `more` are lines of `ip -batch`. */
export const site = (more = ''): Site => {
  const made = new Site(namespace())
  made.run(`ip -batch - <<'END'\n${links}${more}\nEND\n${settings}`)
  return made
}

export interface Directing extends Site {
  readonly ipvs: Ipvs
}

/** A director of one service, with its VIP on the link front. */
export const director = async (
  servers: readonly (Partial<Destination> & { readonly address: string })[] = [
    { address: '10.0.0.1' },
    { address: '10.0.0.2' },
  ],
  settings: ServiceSettings = {},
): Promise<Directing> => {
  const made = site(`address add ${VIP}/32 dev front`)
  const ipvs = await open(made.netns.path)
  await ipvs.services.add({ ...web, ...settings })
  for (const server of servers) await ipvs.destinations.add(web, { weight: 1, ...server })
  return Object.assign(made, { ipvs })
}
