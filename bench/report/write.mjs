// Writes what a full run found: results.json, RESULTS.md, the plots, and a part of the README.
// SPDX-License-Identifier: MIT
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Problem, root } from '../../scripts/lib.mjs'
import { draw } from './draw.mjs'
import { plots } from './plots.mjs'
import { readme } from './readme.mjs'
import { tables } from './tables.mjs'

const bench = join(import.meta.dirname, '..')
const readmeFile = join(root, 'README.md')
const [begin, end] = ['<!-- bench: written by npm run bench -->\n', '<!-- bench: end -->']

/** Throws when the README has no place for the results. */
export function checkMarkers() {
  const text = readFileSync(readmeFile, 'utf8')
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from < 0 || to < from) throw new Problem(`${readmeFile} lacks the markers\n${begin}${end}`)
  return [text.slice(0, from + begin.length), text.slice(to)]
}

function readSchedulers() {
  const file = join(bench, 'schedulers/results.json')
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined
}

const link = (names) =>
  `\n## Plots\n\n${names.map((name) => `![${name}](plots/${name}.svg)\n`).join('\n')}
Where the time goes: [PROFILE.md](PROFILE.md). Scheduler updates are measured in [schedulers/RESULTS.md](schedulers/RESULTS.md), section *Cost of a change*.\n`

const resultsFile = join(bench, 'results.json')

export const save = (results) => writeFileSync(resultsFile, `${JSON.stringify(results, null, 2)}\n`)
export const saved = () => JSON.parse(readFileSync(resultsFile, 'utf8'))

/** All but the results themselves. */
export async function write(results) {
  const [before, after] = checkMarkers()
  const drawings = plots(results, readSchedulers())
  mkdirSync(join(bench, 'plots'), { recursive: true })
  for (const [name, specification] of Object.entries(drawings))
    writeFileSync(join(bench, 'plots', `${name}.svg`), await draw(specification))
  writeFileSync(join(bench, 'RESULTS.md'), `${tables(results)}${link(Object.keys(drawings))}`)
  writeFileSync(readmeFile, `${before}${readme(results)}${after}`)
}
