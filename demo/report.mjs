// What the demo prints: steps, library calls, tables and checks; remembers which checks failed.
// SPDX-License-Identifier: MIT
import { inspect } from 'node:util'

const { FORCE_COLOR, NO_COLOR } = process.env
// Inside the virtual machine there is no terminal: the host's side says whether it has one.
export const colours = FORCE_COLOR ? FORCE_COLOR !== '0' : Boolean(process.stdout.isTTY && !NO_COLOR)

const styled = (code, text) => (colours ? `\x1b[${code}m${text}\x1b[0m` : text)
const bold = (text) => styled(1, text)
const cyan = (text) => styled(36, text)
const green = (text) => styled(32, text)
const red = (text) => styled('1;31', text)

const print = (text) => process.stdout.write(`${text}\n`)
const indented = (text) => text.replaceAll(/^(?=.)/gm, '    ')
const shown = (value) => (typeof value === 'string' ? value : inspect(value, { breakLength: Infinity }))

export const failures = []
export let checks = 0

/** A step of the story. */
export const step = (text) => print(`\n${bold(`==> ${text}`)}`)

/** A library call, as code. */
export const call = (code) => print(cyan(indented(code)))

export const note = (text) => print(indented(text))

/** A block of text, set apart. */
export const block = (text) => print(`\n${indented(text)}`)

/** Compares what was observed with what was expected. */
export function check(what, observed, expected) {
  checks++
  if (shown(observed) === shown(expected)) return print(`    ${green('ok')}  ${what}`)
  failures.push(what)
  print(`    ${red('FAILED')}  ${what}`)
  print(indented(indented(`observed: ${shown(observed)}\nexpected: ${shown(expected)}`)))
}

/** Something went wrong that is no comparison. */
export function fail(what) {
  failures.push(what.split('\n')[0])
  print(`    ${red('FAILED')}  ${what}`)
}

/** The last line. */
export function conclude(summary) {
  const text = failures.length > 0 ? red(`demo: FAILED: ${failures.join('; ')}`) : green(`demo: ${summary}`)
  print(`\n${text}`)
}

/** `ipvs`, with every change printed as code before it is made. `names` are arguments known by a name. */
export function narrated(ipvs, names) {
  const textOf = (argument) =>
    Object.keys(names).find((name) => names[name] === argument) ??
    inspect(argument, { breakLength: Infinity })
  const group = (name) =>
    new Proxy(ipvs[name], {
      get(verbs, verb) {
        return (...args) => {
          if (['add', 'edit', 'delete'].includes(verb)) {
            call(`await ipvs.${name}.${verb}(${args.map(textOf).join(', ')})`)
          }
          return verbs[verb](...args)
        }
      },
    })
  return {
    services: group('services'),
    destinations: group('destinations'),
    snapshot: () => ipvs.snapshot(),
    info: () => ipvs.info(),
  }
}
