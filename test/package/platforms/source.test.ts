// Where no prebuilt addon serves: the command that the error names builds one, in the installed package.
// SPDX-License-Identifier: MIT

import { cpSync, existsSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, inject, test } from 'vitest'
import { emptyProject, output, run } from '../tools.ts'
import { answer, required } from './fetch.ts'

test('one command builds it from source', () => {
  const project = emptyProject()
  cpSync(inject('consumer'), project, { recursive: true, verbatimSymlinks: true })
  rmSync(join(project, 'node_modules/ipvs/prebuilds'), { recursive: true })
  const call = (script: string) => run(process.execPath, ['-e', script], { cwd: project })
  const { stdout } = call(
    "try { require('ipvs').predict('msh', []) } catch ({ message }) { console.log(message) }",
  )
  const [program, ...args] = /build it from source with: (.*)$/m.exec(stdout)![1]!.split(' ')
  // Headers beside node are taken; otherwise node-gyp downloads them.
  const prefix = resolve(process.execPath, '../..')
  const headers = existsSync(join(prefix, 'include/node/node_api.h'))
  const env = { ...process.env, ...(headers && { npm_config_nodedir: prefix }) }
  output(program!, args, { cwd: project, env })
  expect(call(required)).toMatchObject(answer)
  expect(existsSync(join(project, 'node_modules/ipvs/node_modules'))).toBe(false)
})
