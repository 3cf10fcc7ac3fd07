// Plans and applies a table from a file in a namespace, once: for counting system calls from outside.
// SPDX-License-Identifier: MIT

import { readFileSync } from 'node:fs'
import { Ipvs } from '../../dist/index.js'

const [netns, file] = process.argv.slice(2)
const ipvs = await Ipvs.open({ netns })
const plan = await ipvs.plan(JSON.parse(readFileSync(file, 'utf8')))
const { complete } = await ipvs.apply(plan)
console.log(JSON.stringify({ changes: plan.changes.length, complete }))
await ipvs.close()
