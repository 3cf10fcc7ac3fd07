// Lets allocations fail in the code of one module, whatever task runs it: the kernel's fault injection.
// SPDX-License-Identifier: MIT

import { readFileSync, writeFileSync } from 'node:fs'

const kinds = ['failslab', 'fail_page_alloc'] as const
const MANY = 1_000_000

const set = (kind: string, name: string, value: number | bigint | string): void =>
  writeFileSync(`/sys/kernel/debug/${kind}/${name}`, `${value}`)

const left = (kind: string): number => Number(readFileSync(`/sys/kernel/debug/${kind}/times`, 'utf8'))

/** Where a loaded module lies; only there, as only code can be in a stack trace, its code. */
const range = (module: string): readonly [bigint, bigint] => {
  const line = readFileSync('/proc/modules', 'utf8')
    .split('\n')
    .find((line) => line.startsWith(`${module} `))
  const [, size, , , , start] = line?.split(' ') ?? []
  if (size === undefined || start === undefined || BigInt(start) === 0n)
    throw new Error(`where is ${module}?`)
  return [BigInt(start), BigInt(start) + BigInt(size)]
}

export interface Faults {
  /** How many allocations have failed so far. */
  readonly count: () => number
  /** Allocations succeed again. Returns how many have failed. */
  readonly end: () => number
}

/** From now on `percent` of the allocations that the module asks for fail, below the functions that it calls, too. */
export const faults = (module: string, percent: number): Faults => {
  const [start, end] = range(module)
  for (const kind of kinds) {
    set(kind, 'probability', 0)
    set(kind, 'times', MANY)
    set(kind, 'interval', 1)
    set(kind, 'verbose', 0)
    set(kind, 'task-filter', 'N')
    set(kind, 'ignore-gfp-wait', 'N')
    set(kind, 'stacktrace-depth', 32)
    set(kind, 'require-start', start)
    set(kind, 'require-end', end)
  }
  set('fail_page_alloc', 'ignore-gfp-highmem', 'N')
  set('fail_page_alloc', 'min-order', 0)
  for (const kind of kinds) set(kind, 'probability', percent)
  const count = () => kinds.reduce((sum, kind) => sum + MANY - left(kind), 0)
  return {
    count,
    end: () => {
      for (const kind of kinds) set(kind, 'probability', 0)
      return count()
    },
  }
}
