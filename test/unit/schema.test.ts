// The JSON Schema of desired tables says what the library takes, field by field.
// SPDX-License-Identifier: MIT

import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type DesiredTable, planBetween } from '../../lib/index.ts'
import { snapshotOf, tables } from './plan-model.ts'

type Schema = { readonly [keyword: string]: unknown } & {
  readonly properties?: Record<string, Schema>
  readonly $ref?: string
}

const schema: Schema & { $defs: Record<string, Schema> } = JSON.parse(
  readFileSync(new URL('../../schema/table.json', import.meta.url), 'utf8'),
)

const types: Record<string, (value: unknown) => boolean> = {
  object: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  array: Array.isArray,
  string: (value) => typeof value === 'string',
  boolean: (value) => typeof value === 'boolean',
  integer: Number.isInteger,
  null: (value) => value === null,
}

/** Keywords that this test knows how to check; `format` is left to the library. */
const keywords: Record<string, (value: never, rule: never, schema: Schema) => boolean> = {
  $ref: (value, rule: string) => valid(value, schema.$defs[rule.replace('#/$defs/', '')]!),
  type: (value, rule: string) => types[rule]!(value),
  enum: (value, rule: unknown[]) => rule.includes(value),
  required: (value: object, rule: string[]) => rule.every((name) => name in value),
  properties: (value: object, rule: Record<string, Schema>) =>
    Object.entries(value).every(([name, item]) => rule[name] === undefined || valid(item, rule[name])),
  additionalProperties: (value: object, _, { properties }) =>
    Object.keys(value).every((name) => properties![name]),
  items: (value: unknown[], rule: Schema) => value.every((item) => valid(item, rule)),
  anyOf: (value, rule: Schema[]) => rule.some((one) => valid(value, one)),
  oneOf: (value, rule: Schema[]) => rule.filter((one) => valid(value, one)).length === 1,
  not: (value, rule: Schema) => !valid(value, rule),
  minimum: (value: number, rule: number) => value >= rule,
  maximum: (value: number, rule: number) => value <= rule,
  minLength: (value: string, rule: number) => value.length >= rule,
  maxLength: (value: string, rule: number) => value.length <= rule,
  pattern: (value: string, rule: string) => new RegExp(rule).test(value),
}
const notes = new Set(['$schema', '$defs', 'title', 'description', 'default', 'format'])
/** That hold of values of another type. */
const typed: Record<string, string> = {
  minimum: 'integer',
  maximum: 'integer',
  minLength: 'string',
  maxLength: 'string',
  pattern: 'string',
}

const valid = (value: unknown, rules: Schema): boolean =>
  Object.entries(rules).every(([keyword, rule]) => {
    if (notes.has(keyword)) return true
    const check = keywords[keyword]
    if (check === undefined) throw new Error(`${keyword}: this test does not know it`)
    if (typed[keyword] !== undefined && !types[typed[keyword]]!(value)) return true
    if (rules.type !== undefined && keyword !== 'type' && !types[rules.type as string]!(value)) return true
    return check(value as never, rule as never, rules)
  })

const taken = (table: unknown): boolean => {
  try {
    planBetween({ services: [], stable: true }, table as DesiredTable, { impact: false })
    return true
  } catch {
    return false
  }
}

test('what the library takes is valid', () => {
  fc.assert(
    fc.property(tables, ({ before, after }) => {
      // undefined is no JSON.
      const table: unknown = JSON.parse(JSON.stringify(after))
      expect(taken(table)).toBe(true)
      expect(valid(table, schema)).toBe(true)
      expect(valid(snapshotOf(before), schema)).toBe(true)
    }),
    { numRuns: 300 },
  )
})

const web = { protocol: 'tcp', address: '192.0.2.10', port: 80 }
const server = { address: '10.0.0.1', forwarding: 'tunneling' }

test.each<[unknown]>([
  [{}],
  [{ services: {} }],
  [{ services: [], service: [] }],
  [{ services: [{ protocol: 'tcp', address: '192.0.2.10' }] }],
  [{ services: [{ ...web, fwmark: 1 }] }],
  [{ services: [{ fwmark: 0 }] }],
  [{ services: [{ ...web, protocol: 'icmp' }] }],
  [{ services: [{ ...web, port: 65536 }] }],
  [{ services: [{ ...web, port: '80' }] }],
  [{ services: [{ ...web, schedular: 'rr' }] }],
  [{ services: [{ ...web, scheduler: 'sixteen-letters-' }] }],
  [{ services: [{ ...web, scheduler: 'r r' }] }],
  [{ services: [{ ...web, schedulerFlags: 'port' }] }],
  [{ services: [{ ...web, schedulerFlags: ['sh-port'] }] }],
  [{ services: [{ ...web, persistence: true }] }],
  [{ services: [{ ...web, persistence: { timeout: 0 } }] }],
  [{ services: [{ ...web, persistence: { mask: 24 } }] }],
  [{ services: [{ ...web, onePacket: 'yes' }] }],
  [{ services: [{ ...web, destinations: {} }] }],
  [{ services: [{ ...web, destinations: [{}] }] }],
  [{ services: [{ ...web, destinations: [{ ...server, weight: -1 }] }] }],
  [{ services: [{ ...web, destinations: [{ ...server, weight: 1.5 }] }] }],
  [{ services: [{ ...web, destinations: [{ ...server, forwarding: 'nat' }] }] }],
  [{ services: [{ ...web, destinations: [{ ...server, upperThreshold: 2 ** 31 }] }] }],
  [{ services: [{ ...web, destinations: [{ ...server, tunnel: { type: 'vxlan' } }] }] }],
  [{ services: [{ ...web, destinations: [{ ...server, tunnel: { type: 'gue', port: 0 } }] }] }],
  [{ services: [{ ...web, destinations: [{ ...server, tunnel: { checksum: 'yes' } }] }] }],
])('%j is neither valid nor taken', (table) => {
  expect({ valid: valid(table, schema), taken: taken(table) }).toEqual({ valid: false, taken: false })
})

test('it is where the package says', async () => {
  const { exports } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  expect(exports['./schema/table.json']).toBe('./schema/table.json')
})
