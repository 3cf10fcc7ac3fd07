// Every case of the contract between the IPVS in memory and the kernel's.
// SPDX-License-Identifier: MIT

import type { Case } from './case.ts'
import { destinationCases } from './destinations.ts'
import { directorCases } from './directors.ts'
import { requestCases } from './requests.ts'
import { serviceCases } from './services.ts'

export const cases: readonly Case[] = [
  ...serviceCases,
  ...destinationCases,
  ...requestCases,
  ...directorCases,
]
