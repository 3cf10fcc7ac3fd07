// Every case of the contract between the IPVS in memory and the kernel's.
// SPDX-License-Identifier: MIT

import type { Case } from './case.ts'
import { destinationCases } from './destinations.ts'
import { directorCases } from './directors.ts'
import { requestCases } from './requests.ts'
import { serviceCases } from './services.ts'

export const groups: Readonly<Record<string, readonly Case[]>> = {
  services: serviceCases,
  'real servers': destinationCases,
  requests: requestCases,
  directors: directorCases,
}

export const cases: readonly Case[] = Object.values(groups).flat()
