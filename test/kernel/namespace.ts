// A fresh network namespace for each test: to IPVS, a fresh kernel. Only where the tests may do so.
// SPDX-License-Identifier: MIT

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { release } from 'node:os'
import { onTestFinished } from 'vitest'
import { Ipvs, IpvsSync } from '../../lib/index.ts'

if (process.env.IPVS_TEST_KERNEL !== 'disposable') {
  throw new Error(
    'the kernel tests change namespaces and IPVS: run them through npm test, which boots a machine for them',
  )
}

let count = 0

export class Namespace {
  readonly name = `test${process.pid}-${++count}`
  readonly path = `/run/netns/${this.name}`

  /** Runs a program inside; its standard output. */
  exec(command: string, ...args: readonly string[]): string {
    return execFileSync('ip', ['netns', 'exec', this.name, command, ...args], {
      encoding: 'utf8',
      stdio: 'pipe',
    })
  }

  delete(): void {
    execFileSync('ip', ['netns', 'delete', this.name])
  }

  ipvsadm(...args: readonly string[]): string {
    return this.exec('ipvsadm', ...args)
  }

  /** A file as a process inside sees it, such as /proc/net/ip_vs. */
  read(path: string): string {
    return this.exec('cat', path)
  }
}

/** A namespace, with `lo` up: else the kernel refuses IPv4 destinations. Whoever makes it deletes it. */
export const makeNamespace = ({ up = true } = {}): Namespace => {
  const made = new Namespace()
  execFileSync('ip', ['netns', 'add', made.name])
  if (up) execFileSync('ip', ['-n', made.name, 'link', 'set', 'lo', 'up'])
  return made
}

/** A namespace that is gone after the test. */
export const namespace = (options?: { readonly up?: boolean }): Namespace => {
  const made = makeNamespace(options)
  onTestFinished(() => made.delete())
  return made
}

/** A client in a namespace, closed after the test. */
export const open = async (netns = namespace().path): Promise<Ipvs> => {
  const ipvs = await Ipvs.open({ netns })
  onTestFinished(() => ipvs.close())
  return ipvs
}

export const openSync = (netns = namespace().path): IpvsSync => {
  const ipvs = IpvsSync.open({ netns })
  onTestFinished(() => ipvs.close())
  return ipvs
}

/** [major, minor] of the running kernel. */
const running = /^(\d+)\.(\d+)/.exec(release())!.slice(1).map(Number) as [number, number]

/** True when the running kernel is at least this version. */
export const since = (version: `${number}.${number}`): boolean => {
  const [major, minor] = version.split('.').map(Number) as [number, number]
  return running[0] > major || (running[0] === major && running[1] >= minor)
}

/** Asking for the family loads the module only where it has the alias for that: in 6.1, not yet in 5.10. */
export const loadsItself = since('6.1')
if (!loadsItself) execFileSync('modprobe', ['ip_vs'])

/** True when the running kernel has this module, or the code built in. */
export const moduleExists = (name: string): boolean => {
  try {
    execFileSync('modinfo', [name], { stdio: 'ignore' })
    return true
  } catch {
    return readFileSync(`/lib/modules/${release()}/modules.builtin`, 'utf8').includes(`/${name}.ko`)
  }
}
