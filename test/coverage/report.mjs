// Counters of V8 and gcov as one coverage map, by file of the checkout.
// SPDX-License-Identifier: MIT
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import libCoverage from 'istanbul-lib-coverage'
import { CoverageReport } from 'monocart-coverage-reports'
import { root, run } from '../../scripts/lib.mjs'

/** lib/, from what Node wrote to the folder `counts`; files that nobody loaded count as not run. */
async function typescript(tree, counts, scratch) {
  const dist = join(tree, 'dist')
  const report = new CoverageReport({
    logging: 'error',
    outputDir: scratch,
    reports: ['json'],
    baseDir: tree,
    all: {
      dir: [dist],
      filter: { '**/*.js': true, '**/*': false },
      transformer: async (entry) => {
        const path = fileURLToPath(entry.url)
        const map = JSON.parse(readFileSync(`${path}.map`, 'utf8'))
        const sourcesContent = map.sources.map((name) => readFileSync(join(dirname(path), name), 'utf8'))
        entry.sourceMap = { ...map, sourcesContent }
      },
    },
    entryFilter: ({ url }) => url.includes(`${dist}/`),
  })
  await report.addFromDir(counts)
  await report.generate()
  const found = JSON.parse(readFileSync(join(scratch, 'coverage-final.json'), 'utf8'))
  return Object.values(found).map((file) => {
    const [path] = /lib\/.*\.ts$/.exec(file.path)
    return { ...file, path: join(root, path) }
  })
}

/** native/, a statement to a line: of all builds that were run, by all processes. */
async function native(tree) {
  const lines = new Map()
  const data = readdirSync(tree, { recursive: true }).filter((file) => file.endsWith('.gcda'))
  for (const file of data.map((name) => join(tree, name))) {
    const printed = await run('gcov', ['--json-format', '--stdout', file], { cwd: dirname(file) })
    const { files, current_working_directory: folder } = JSON.parse(printed.toString())
    for (const source of files) {
      const path = relative(tree, resolve(folder, source.file))
      if (!path.startsWith('native/')) continue
      const counts = lines.get(path) ?? new Map()
      lines.set(path, counts)
      for (const { line_number: line, count } of source.lines)
        counts.set(line, (counts.get(line) ?? 0) + count)
    }
  }
  return [...lines].map(([path, counts]) => ({
    path: join(root, path),
    statementMap: Object.fromEntries(
      [...counts.keys()].map((line) => [line, { start: { line, column: 0 }, end: { line, column: 200 } }]),
    ),
    s: Object.fromEntries(counts),
    ...{ fnMap: {}, f: {}, branchMap: {}, b: {} },
  }))
}

/** Of the copy `tree`, where the tests ran and left V8's counters in `counts`; `scratch` is a folder to write to. */
export async function coverageOf({ tree, counts, scratch }) {
  const map = libCoverage.createCoverageMap()
  for (const file of [...(await typescript(tree, counts, scratch)), ...(await native(tree))])
    map.addFileCoverage(file)
  return map
}

/** Lines of a folder's files: { covered, total, percent }. */
export function linesOf(map, folder) {
  const summary = libCoverage.createCoverageSummary()
  for (const path of map.files())
    if (path.startsWith(join(root, folder, '/'))) summary.merge(map.fileCoverageFor(path).toSummary())
  const { covered, total } = summary.lines
  return { covered, total, percent: total === 0 ? 0 : (100 * covered) / total }
}
