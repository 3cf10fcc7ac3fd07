// import, require and TypeScript's view of the installed package; what it says where there is no addon.
// SPDX-License-Identifier: MIT

import { cpSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, inject, test } from 'vitest'
import { bareEnvironment, emptyProject, output, root, run } from './tools.ts'

const consumer = inject('consumer')
const env = bareEnvironment()
const node = (...args: string[]) => run(process.execPath, args, { cwd: consumer, env })

/** Prints a checksum that the addon has computed. */
const use = `const servers = [1, 2].map((i) => ({ address: '10.0.0.' + i, port: 80, weight: 1 }))
console.log(ipvs.predict('msh', servers).checksum)`
const answer = { status: 0, stdout: 'd6085c21465a8b05\n', stderr: '' }

test('import', () => {
  expect(node('--input-type=module', '-e', `import * as ipvs from 'ipvs'\n${use}`)).toEqual(answer)
})

test('require', () => {
  const quiet = '--disable-warning=ExperimentalWarning' // Node 20 and 22.12 announce that they can.
  expect(node(quiet, '-e', `const ipvs = require('ipvs')\n${use}`)).toEqual(answer)
})

test('the JSON Schema', () => {
  const schema = output(process.execPath, ['-p', "require('ipvs/schema/table.json').title"], {
    cwd: consumer,
  })
  expect(schema.trim()).toBe(JSON.parse(readFileSync(join(root, 'schema/table.json'), 'utf8')).title)
})

test('the command line, by the link that npm has made', () => {
  expect(run(join(consumer, 'node_modules/.bin/ipvs'), ['--version'], { cwd: consumer, env }).stdout).toMatch(
    /^ipvs \d+\.\d+\.\d+/,
  )
})

test('without an addon: an error that says the platform, what was looked for, and what to do', () => {
  const project = emptyProject()
  cpSync(consumer, project, { recursive: true, verbatimSymlinks: true })
  const node = (...args: string[]) => run(process.execPath, args, { cwd: project, env })
  const place = join(project, 'node_modules/ipvs')
  renameSync(join(place, 'prebuilds'), join(place, 'hidden'))
  const script =
    "import('ipvs').then(({ predict }) => predict('msh', [])).catch((error) => console.log(error.code, error.message))"
  const { stdout } = node('-e', script)
  expect(stdout).toMatch(/^ERR_IPVS_ADDON no addon for linux-\w+; looked for /)
  expect(stdout).toContain(`${place}/prebuilds/linux-x64/ipvs.node (not there)`)
  expect(stdout).toContain(`${place}/native/build/Release/ipvs.node (not there)`)
  expect(stdout).toContain(`build it from source with: npm --prefix ${place} run build:addon\n`)
  mkdirSync(join(place, 'prebuilds/linux-x64'), { recursive: true })
  writeFileSync(join(place, 'prebuilds/linux-x64/ipvs.node'), 'no addon')
  expect(node('-e', script).stdout).toMatch(/prebuilds\/linux-x64\/ipvs\.node \(.*file too short\)/)
  // What was built here serves when the other cannot.
  mkdirSync(join(place, 'native/build/Release'), { recursive: true })
  cpSync(join(place, 'hidden/linux-x64/ipvs.node'), join(place, 'native/build/Release/ipvs.node'))
  expect(node('--input-type=module', '-e', `import * as ipvs from 'ipvs'\n${use}`)).toEqual(answer)
})

const typed = `import { Ipvs, IpvsError, type Service, type ServiceStatus, plan, predict } from 'ipvs'

const web: Service = { protocol: 'tcp', address: '192.0.2.10', port: 80, scheduler: 'wrr' }
export const use = async (): Promise<readonly ServiceStatus[]> => {
  await using ipvs = await Ipvs.open({ netns: '/run/netns/blue' })
  await ipvs.services.add(web, { signal: AbortSignal.timeout(1000) }).catch((error: unknown) => {
    if (!(error instanceof IpvsError) || error.reason !== 'service-exists') throw error
  })
  // @ts-expect-error There is no such protocol, and a consumer's compiler knows.
  await ipvs.services.add({ ...web, protocol: 'icmp' })
  console.log(plan, predict('msh', []).checksum)
  return ipvs.services.list()
}
`

describe('a consumer in TypeScript, strict, that checks the declarations of its libraries too', () => {
  const project = emptyProject()
  mkdirSync(join(project, 'node_modules/@types'), { recursive: true })
  symlinkSync(join(consumer, 'node_modules/ipvs'), join(project, 'node_modules/ipvs'))
  for (const name of ['@types/node', 'undici-types'])
    symlinkSync(join(root, 'node_modules', name), join(project, 'node_modules', name))
  writeFileSync(join(project, 'use.mts'), typed)
  writeFileSync(join(project, 'use.cts'), typed.replace('await using', 'const'))

  test.each([
    ['node16', 'node16', 'use.mts'],
    ['node20', 'node16', 'use.cts'], // The first whose compiler knows that an ES module can be required.
    ['preserve', 'bundler', 'use.mts'],
  ])('module %s, resolution %s: %s', (module, moduleResolution, file) => {
    const config = {
      compilerOptions: {
        ...{ module, moduleResolution, target: 'es2022', lib: ['es2023', 'esnext.disposable'] },
        ...{ types: ['node'], strict: true, skipLibCheck: false, noEmit: true },
        ...{ exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
      },
      files: [file],
    }
    const path = join(project, `tsconfig.${module}.${file}.json`)
    writeFileSync(path, JSON.stringify(config))
    expect(run(join(root, 'node_modules/.bin/tsc'), ['-p', path])).toEqual({
      status: 0,
      stdout: '',
      stderr: '',
    })
  })
})
