// npm run release:check: all that comes before `npm publish`, on a clean checkout; leaves the tarball to publish.
// SPDX-License-Identifier: MIT
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { main, Problem, root, run } from './lib.mjs'

async function requireCleanTree(when) {
  const changed = (await run('git', ['status', '--porcelain'])).toString().trimEnd()
  if (changed !== '') throw new Problem(`release: not as committed ${when}:\n${changed}`)
}

/** The other places that have the version are held equal by test/unit/versions.test.ts. */
function requireHeading(version) {
  const heading = /^## (.*)$/m.exec(readFileSync(join(root, 'CHANGELOG.md'), 'utf8'))?.[1]
  const [number, date = '', ...more] = (heading ?? '').split(' – ')
  if (number !== version || !/^\d{4}-\d\d-\d\d$/.test(date) || more.length > 0)
    throw new Problem(
      `release: CHANGELOG.md begins with '${heading}', not with the version: '${version} – YYYY-MM-DD'`,
    )
}

/** Its output is shown as it comes. */
function npm(...args) {
  console.log(`release: npm ${args.join(' ')}`)
  const { status } = spawnSync('npm', args, { cwd: root, stdio: 'inherit' })
  if (status !== 0) throw new Problem(`release: npm ${args.join(' ')} failed`)
}

await main(import.meta, async () => {
  const { name, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  await requireCleanTree('before')
  requireHeading(version)
  // What was built before may be of another compiler or another tree.
  for (const folder of ['build', 'dist', 'native/build'])
    rmSync(join(root, folder), { recursive: true, force: true })
  npm('test')
  npm('run', 'test:package')
  await requireCleanTree('after the tests')
  console.log(`release: ready; what is left is: npm publish ${name}-${version}.tgz`)
})
