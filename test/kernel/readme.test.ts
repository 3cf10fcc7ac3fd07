// The code of the README runs as it stands there.
// SPDX-License-Identifier: MIT

import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { namespace } from './namespace.ts'

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))

test('the fifteen lines', () => {
  const [, code] = /```js\n(.*?)```/s.exec(readFileSync(at('README.md'), 'utf8'))!
  expect(code!.trim().split('\n').length).toBeLessThanOrEqual(16)
  const script = '/tmp/readme.mjs'
  writeFileSync(script, code!.replace(`'ipvs'`, `'${at('dist/index.js')}'`))
  const netns = namespace()
  expect(netns.exec(process.execPath, script)).toBe(
    ['10.0.0.4 10 0', '10.0.0.3 0 0', '10.0.0.2 10 0', 'service-exists', ''].join('\n'),
  )
  expect(netns.ipvsadm('-Sn')).toContain('-a -t 192.0.2.10:80 -r 10.0.0.3:80 -m -w 0')
})
