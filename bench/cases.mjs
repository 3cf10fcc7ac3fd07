// The cases that run in the machine, in their order.
// SPDX-License-Identifier: MIT
import { change } from './cases/change.mjs'
import { load } from './cases/load.mjs'
import { loop } from './cases/loop.mjs'
import { read } from './cases/read.mjs'
import { rules } from './cases/rules.mjs'

export const cases = { change, load, read, loop, rules }
