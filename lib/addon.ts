// Loads the native addon, on first use, so that importing the package works on any system.
// SPDX-License-Identifier: MIT

import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { Hashing } from './hashing.js'
import type { Socket } from './netlink/socket.js'

interface Addon {
  readonly Socket: new (netns: string | number | null, receiveSize: number) => Socket
  readonly hashing: Hashing
  readonly openFile: (netns: string | number | null, path: string, flags: number) => number
}

const built = fileURLToPath(new URL('../build/Release/ipvs.node', import.meta.url))
let loaded: Addon | undefined

/** @throws Error with code ERR_IPVS_ADDON when the platform is not Linux or the addon was not built. */
export const addon = (): Addon => {
  loaded ??= load()
  return loaded
}

const load = (): Addon => {
  const platform = `${process.platform}-${process.arch}`
  if (process.platform !== 'linux')
    throw unavailable(`IPVS is a part of the Linux kernel; this is ${platform}`)
  try {
    return createRequire(import.meta.url)(built) as Addon
  } catch (cause) {
    throw unavailable(`no addon for ${platform} at ${built}; build it with: npm run build`, cause)
  }
}

const unavailable = (message: string, cause?: unknown): Error =>
  Object.assign(new Error(message, { cause }), { code: 'ERR_IPVS_ADDON' })
