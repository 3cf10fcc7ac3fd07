// RESULTS.md: ratios first, then absolute numbers.
// SPDX-License-Identifier: MIT
import { absolutes } from './absolutes.mjs'
import { ratios } from './ratios.mjs'

const head = ({ date, commit, kernel, ground, machine, command }) => `# The client, measured

${date}, commit ${commit}, \`${command}\`, in ${ground}${
  machine
    ? `: Linux ${kernel}, ${machine.processors} processors, ${machine.memory} MB, Node ${machine.node}`
    : ''
}.

Each measurement has a network namespace of its own; rivals take turns in every round. A figure is the median of its
rounds (least…most). A ratio is taken within each round, against the *floor*: a C program of raw netlink that does the
same to the kernel and decodes nothing ([floor.c](floor.c)). In an emulated machine only ratios tell; and code compiled
at run time suffers more there than C does.
`

export const tables = (results) => `${head(results)}
## Ratios
${ratios(results.cases)}
## Absolute numbers
${absolutes(results.cases)}`
