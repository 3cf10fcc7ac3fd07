// Clients and servers in a director's namespace, see flows.py.
// SPDX-License-Identifier: MIT

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import type { Namespace } from './namespace.ts'

type Protocol = 'tcp' | 'udp'

export interface Flow {
  readonly protocol: Protocol
  readonly to: readonly [address: string, port: number]
  readonly count?: number
  /** SO_MARK of the client. */
  readonly mark?: number
  readonly text?: string
  /** Seconds between packets of each client; only the first is sent otherwise. */
  readonly each?: number
}

export const python = '/usr/bin/python3'

/** Goes on until the test ends, or the function that is returned is called. */
export const flow = async (
  netns: Namespace,
  listen: readonly (readonly [Protocol, string, number])[],
  flows: readonly Flow[],
): Promise<() => Promise<void>> => {
  const script = fileURLToPath(new URL('flows.py', import.meta.url))
  const order = JSON.stringify({ listen, flows })
  const child = spawn('ip', ['netns', 'exec', netns.name, python, script, order], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  const end = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
  }
  onTestFinished(end)
  await Promise.race([
    once(child.stdout, 'data'),
    ended.then(() => {
      throw new Error('flows.py has ended')
    }),
  ])
  return end
}

/** Addresses of the director itself: a service or a real server in the same namespace. */
export const addresses = (netns: Namespace, list: readonly string[]): void => {
  const lines = list.map((address) =>
    address.includes(':')
      ? `address add ${address}/128 dev lo nodad\n`
      : `address add ${address}/32 dev lo\n`,
  )
  execFileSync('ip', ['-n', netns.name, '-batch', '-'], { input: lines.join('') })
}
