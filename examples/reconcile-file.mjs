// Keeps the IPVS table as a JSON file has it: applies every change of the file, and repairs what others change.
// SPDX-License-Identifier: MIT
//
//   node reconcile-file.mjs FILE
//
// FILE is a desired table (ipvs/schema/table.json) and the whole of it: services that it does not name are deleted.
// A weight of 0 stays, so that operators may drain. A file that cannot be read or carried out is reported and changes
// nothing. SIGTERM ends it after the round that is under way; the table stays as it is.
import { readFile, watch } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { formatPlan, Ipvs, reconcile } from 'ipvs'

const [file] = process.argv.slice(2)
if (file === undefined) throw new Error('usage: node reconcile-file.mjs FILE')
const path = resolve(file)
const ending = new AbortController()
const { signal } = ending
process.on('SIGTERM', () => ending.abort())
process.on('SIGINT', () => ending.abort())

/** The table in the file, now and after every change. */
async function* tables() {
  // The folder, for editors and configuration management replace the file, or a link on the way to it (a ConfigMap of
  // Kubernetes). It is watched before the file is read.
  const events = watch(dirname(path), { signal })[Symbol.asyncIterator]()
  let before
  for (let event = events.next(); ; event = events.next()) {
    let table
    try {
      const text = await readFile(path, 'utf8')
      if (text !== before) table = JSON.parse(text)
      before = text
    } catch (error) {
      console.error(`${file}: ${error.message}`) // Perhaps half written: there will be another event.
    }
    if (table !== undefined) yield table
    await event
  }
}

const ipvs = await Ipvs.open()
/** @type {import('ipvs').ReconcileOptions} */
const options = { owns: () => true, prune: true, keepWeights: 'drained', signal }
for await (const { cause, plan, result, error, next } of reconcile(ipvs, tables(), options)) {
  if (plan !== null && plan.changes.length > 0) console.log(`${cause}:\n${formatPlan(plan)}`)
  for (const { status, change } of result?.outcomes ?? [])
    if (status !== 'done') console.error(status, JSON.stringify(change))
  if (error) console.error(`${error.message}; again in ${next} ms`)
}
await ipvs.close()
