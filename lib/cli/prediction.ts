// What `predict` and `impact` share: options of the scheduler, and a prediction from the table of this director.
// SPDX-License-Identifier: MIT

import { readFileSync } from 'node:fs'
import type { ParseArgsConfig } from 'node:util'
import type { PredictableScheduler, Prediction } from '../predict/types.js'
import { endpointText, numeric } from '../text/format.js'
import { LineError } from '../text/scan.js'
import { parseFlags } from '../text/service.js'
import type { DestinationStatus, SchedulerFlag, ServiceStatus } from '../types.js'
import { UsageError } from './failure.js'

export const schedulerOptions = {
  scheduler: { type: 'string', short: 's' },
  'sched-flags': { type: 'string', short: 'b' },
  seed: { type: 'string' },
  'table-size': { type: 'string' },
} as const satisfies ParseArgsConfig['options']

/** How the service is to distribute; what is undefined is as it is now. */
export interface Terms {
  readonly scheduler?: string
  readonly flags?: readonly SchedulerFlag[]
  readonly seed?: bigint
  readonly tableSize?: number
}

const number = (name: string, option: string, text: string): bigint => {
  if (!/^(\d+|0x[\da-f]+)$/i.test(text)) throw new UsageError(`${name}: --${option} ${text}: not a number`)
  return BigInt(text)
}

type Values = { readonly [K in keyof typeof schedulerOptions]?: string | undefined }

export const termsOf = (name: string, values: Values): Terms => {
  const { scheduler, seed } = values
  const size = values['table-size']
  return {
    ...(scheduler === undefined ? {} : { scheduler }),
    ...(seed === undefined ? {} : { seed: number(name, 'seed', seed) }),
    ...(size === undefined ? {} : { tableSize: Number(number(name, 'table-size', size)) }),
  }
}

/** Flags are those of a scheduler, which may be known from the service only. */
export const flagsOf = (name: string, scheduler: string, values: Values): Pick<Terms, 'flags'> => {
  const flags = values['sched-flags']
  try {
    return flags === undefined ? {} : { flags: parseFlags(flags, scheduler) }
  } catch (error) {
    if (error instanceof LineError) throw new UsageError(`${name}: ${error.message}`)
    throw error
  }
}

/** A parameter of a loaded module; undefined where it is not loaded, or not for our eyes. */
const parameter = (module: string, name: string): bigint | undefined => {
  try {
    return BigInt(readFileSync(`/sys/module/ip_vs_${module}/parameters/${name}`, 'utf8').trim())
  } catch {
    return undefined
  }
}

const sizeOf = (scheduler: string): number | undefined => {
  if (scheduler === 'maglev') {
    const size = parameter('maglev', 'table_size')
    return size === undefined ? undefined : Number(size)
  }
  const bits = scheduler === 'msh' ? parameter('msh', 'slot_bits') : undefined
  return bits === undefined ? undefined : 2 ** Number(bits)
}

/** @throws TypeError or RangeError where the scheduler cannot be predicted, or does not have what is named. */
export const predictionOf = async (
  service: ServiceStatus,
  destinations: readonly DestinationStatus[],
  terms: Terms,
): Promise<Prediction<DestinationStatus>> => {
  const { predict } = await import('../predict/predict.js')
  const scheduler = terms.scheduler ?? service.scheduler
  const isOurs = scheduler === 'msh' || scheduler === 'maglev' || scheduler === 'hrw'
  return predict(scheduler as PredictableScheduler, destinations, {
    service,
    schedulerFlags: terms.flags ?? service.schedulerFlags,
    seed: terms.seed ?? (isOurs ? parameter(scheduler, 'seed') : undefined),
    tableSize: terms.tableSize ?? sizeOf(scheduler),
  })
}

/** What no prediction of this table can know; empty where there is nothing of that kind. */
export const unknownOf = (scheduler: string, destinations: readonly DestinationStatus[]): string =>
  scheduler === 'mh' && destinations.some(({ weight }) => weight === 0)
    ? 'note: mh remembers which clients a server of weight 0 had and refuses them, or lets them fall back; the kernel ' +
      'does not tell\n'
    : ''

export const percent = (fraction: number): string => `${(100 * fraction).toFixed(2)} %`

/** `192.0.2.10:80/tcp`, `fwmark 7/ipv4`: as errors of the client have it. */
export const serviceText = (service: ServiceStatus): string =>
  service.fwmark !== undefined
    ? `fwmark ${service.fwmark}/${service.family}`
    : `${endpointText(service, service.protocol, numeric)}/${service.protocol}`
