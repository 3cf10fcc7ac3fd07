// Loads the native addon, on first use, so that importing the package works on any system.
// SPDX-License-Identifier: MIT

import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { Hashing } from './hashing.js'
import type { SendFrame } from './netlink/packet.js'
import type { Socket } from './netlink/socket.js'

interface Addon {
  readonly Socket: new (netns: string | number | null, receiveSize: number, protocol?: number) => Socket
  readonly sendFrame: SendFrame
  readonly openFile: (netns: string | number | null, path: string, flags: number) => number
  readonly hashing: Hashing
}

const root = fileURLToPath(new URL('..', import.meta.url))
const platform = `${process.platform}-${process.arch}`
/** In this order: what the package brings, then what was built here. */
const places = [`${root}prebuilds/${platform}/ipvs.node`, `${root}native/build/Release/ipvs.node`]
let loaded: Addon | undefined

/** @throws Error with code ERR_IPVS_ADDON when the platform is not Linux, or no addon for it can be loaded. */
export const addon = (): Addon => {
  loaded ??= load()
  return loaded
}

const load = (): Addon => {
  if (process.platform !== 'linux')
    throw unavailable(`IPVS is a part of the Linux kernel; this is ${platform}`)
  const require = createRequire(import.meta.url)
  const failures: unknown[] = []
  for (const place of places) {
    try {
      return require(place) as Addon
    } catch (error) {
      failures.push(error)
    }
  }
  const tried = places.map(
    (place, i) => `${place} (${existsSync(place) ? firstLine(failures[i]) : 'not there'})`,
  )
  const command = `npm --prefix ${root.slice(0, -1)} run build:addon`
  throw unavailable(
    `no addon for ${platform}; looked for ${tried.join(', ')}; build it from source with: ${command}`,
    failures.find((_, i) => existsSync(places[i]!)) ?? failures[0],
  )
}

const firstLine = (error: unknown): string =>
  String(error instanceof Error ? error.message : error).split('\n', 1)[0]!

const unavailable = (message: string, cause?: unknown): Error =>
  Object.assign(new Error(message, { cause }), { code: 'ERR_IPVS_ADDON' })
