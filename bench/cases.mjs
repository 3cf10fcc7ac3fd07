// The cases by their names; loaded when they are run, for before the first build there is no library to import.
// SPDX-License-Identifier: MIT

const load = (name) => async (options) => (await import(`./cases/${name}.mjs`))[name](options)
const named = (...names) => Object.fromEntries(names.map((name) => [name, load(name)]))

/** In the machine that is measured. */
export const cases = named('change', 'load', 'read', 'loop', 'rules')
/** Without a kernel, on the host itself. */
export const hostCases = named('codec', 'shares')
