// What is in the tarball, to the file; its size; what publint and attw say about it.
// SPDX-License-Identifier: MIT

import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { output, root, run } from './tools.ts'

const tarball = inject('tarball')

/** What is, or is about to be, in git below a folder; files about the source itself have a dot in front. */
const inGit = (folder: string): string[] =>
  output('git', ['ls-files', '--cached', '--others', '--exclude-standard', folder])
    .trimEnd()
    .split('\n')
    .filter((path) => !/(^|\/)\./.test(path))

const listed = (): string[] =>
  output('tar', ['-tzf', tarball])
    .trimEnd()
    .split('\n')
    .map((path) => path.replace('package/', ''))

test('it has what is used when it is installed, and nothing else', () => {
  const expected = [
    ...['package.json', 'README.md', 'CHANGELOG.md', 'LICENSE', 'man/ipvs.8', 'schema/table.json'],
    ...['completion/_ipvs', 'completion/ipvs.bash'],
    ...['prebuilds/linux-x64/ipvs.node', 'prebuilds/linux-arm64/ipvs.node'],
    ...inGit('native'),
    ...inGit('kmod'),
    ...inGit('lib').flatMap((path) =>
      ['js', 'd.ts'].map((type) => path.replace(/^lib(.*)ts$/, `dist$1${type}`)),
    ),
  ]
  expect(listed().sort()).toEqual(expected.sort())
  expect(expected.length).toBeGreaterThan(200)
})

test('it is small', () => {
  const sizes = output('tar', ['-tvzf', tarball]).matchAll(/^\S+ +\S+ +(\d+) /gm)
  expect([...sizes].reduce((sum, [, size]) => sum + Number(size), 0)).toBeLessThan(1_500_000)
  expect(Number(output('stat', ['-c', '%s', tarball]))).toBeLessThan(500_000)
})

test('nothing in it names a folder of the machine that made it', () => {
  const { stdout } = run('sh', ['-c', `tar -xzOf "$1" | grep -acF "$2"`, 'sh', tarball, root])
  expect(stdout).toBe('0\n')
})

test('publint has nothing to say', () => {
  expect(output(join(root, 'node_modules/.bin/publint'), ['run', tarball, '--strict'])).toMatch(
    /^All good!$/m,
  )
})

test('attw finds the types of every entry point, for those who can import an ES module', () => {
  const { status, stdout } = run(join(root, 'node_modules/.bin/attw'), [tarball, '--profile', 'esm-only'])
  expect({ status, stdout }).toMatchObject({ status: 0, stdout: expect.stringMatching(/^bundler: 🟢/m) })
})
