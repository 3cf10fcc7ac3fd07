// Drains a real server in a process of its own and prints each item of progress: node drain-process.mjs NETNS JSON
// SPDX-License-Identifier: MIT
import { drain, Ipvs } from '../../dist/index.js'

const [, , netns, json] = process.argv
const { service, destination, options } = JSON.parse(json)
const ipvs = await Ipvs.open({ netns })
for await (const item of drain(ipvs, service, destination, options)) console.log(JSON.stringify(item))
await ipvs.close()
