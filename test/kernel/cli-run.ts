// Runs the command line in this process, and ipvsadm beside it.
// SPDX-License-Identifier: MIT

import { spawnSync } from 'node:child_process'
import { main } from '../../lib/cli/run.ts'
import type { Namespace } from './namespace.ts'

export interface Outcome {
  readonly status: number
  readonly out: string
  readonly err: string
}

/** `ipvs ARGV` in a namespace. Starting a process for each would take minutes in the test machine. */
export const ipvs = async (netns: Namespace, argv: readonly string[], input = ''): Promise<Outcome> => {
  let out = ''
  let err = ''
  const status = await main(['--netns', netns.name, ...argv], {
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
    input: async () => input,
    signal: new AbortController().signal,
  })
  return { status, out, err }
}

export const ipvsadm = (netns: Namespace, argv: readonly string[], input = ''): Outcome => {
  const command = ['netns', 'exec', netns.name, 'ipvsadm', ...argv]
  const { status, stdout, stderr } = spawnSync('ip', command, { encoding: 'utf8', input })
  return { status: status ?? -1, out: stdout, err: stderr }
}

const script =
  'ipvsadm -Sn; echo --; cat /proc/net/ip_vs; echo --; ipvsadm -Ln --thresholds; ipvsadm -L --timeout'

/**
 * Each a list of lines or blocks, sorted here: the kernel's own order comes from a hash whose key differs from namespace
 * to namespace, and that of ipvsadm depends on it where addresses are more than 2^31 apart.
 */
export interface TableText {
  /** Of `ipvsadm -Sn`. */
  readonly rules: readonly string[]
  /** Services of /proc/net/ip_vs with their servers. */
  readonly proc: readonly string[]
  /** The same of `ipvsadm -Ln --thresholds`; and the timeouts. */
  readonly thresholds: readonly string[]
}

const blocks = (text: string): readonly string[] =>
  text
    .trimEnd()
    .split(/\n(?! )/)
    .map((block) => block.trimEnd()) // which block is the last, and was trimmed, depends on the order
    .sort()

export const tableOf = (netns: Namespace): TableText => {
  const [rules = '', proc = '', thresholds = ''] = netns.exec('sh', '-c', script).split('--\n')
  const lines = rules.split('\n').filter((line) => line !== '')
  return { rules: lines.sort(), proc: blocks(proc), thresholds: blocks(thresholds) }
}
