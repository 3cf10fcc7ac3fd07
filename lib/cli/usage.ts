// The text of `ipvs --help`, made from the tables of options and subcommands.
// SPDX-License-Identifier: MIT

import {
  commandOptions,
  daemonOptions,
  everywhereOptions,
  listOptions,
  type Option,
  serverOptions,
  serviceOptions,
  settingOptions,
} from '../text/options.js'
import { subcommands } from './subcommands.js'

const WIDTH = 34

const row = ({ name, short, argument, help }: Option): string => {
  const letters = [...short].map((letter) => `-${letter}`)
  const words = [[...letters, `--${name}`].join(', '), argument].filter((word) => word !== '').join(' ')
  return `  ${words.length > WIDTH ? `${words}\n${' '.repeat(WIDTH + 2)}` : words.padEnd(WIDTH)} ${help}\n`
}

const section = (title: string, options: readonly Option[]): string =>
  `\n${title}\n${options.map(row).join('')}`

export const usage = (): string => `usage: ipvs [COMMAND [OPTION...]]     as ipvsadm(8); without a command: -L
       ipvs SUBCOMMAND [ARGUMENT...]

  ipvs -A|-E SERVICE [-s scheduler] [-b flags] [-p [seconds]] [-M mask] [--pe name] [-o]
  ipvs -D SERVICE
  ipvs -a|-e SERVICE -r SERVER [-g|-i|-m] [-w weight] [-x upper] [-y lower] [tunnel options]
  ipvs -d SERVICE -r SERVER
  ipvs -L|-l [SERVICE|-c|--timeout|--daemon] [-n] [--stats|--rate|--thresholds|…] [--exact] [--json]
  ipvs -S [-n] > FILE;  ipvs -R < FILE;  ipvs -C;  ipvs -Z [SERVICE]
  ipvs --set TCP TCPFIN UDP
  ipvs --start-daemon master|backup [daemon options];  ipvs --stop-daemon master|backup
${section('Commands', commandOptions)}${section('Service', serviceOptions)}${section(
  'Settings of a service',
  settingOptions,
)}${section('Real server', serverOptions)}${section('Listing', listOptions)}${section(
  'Daemons',
  daemonOptions,
)}${section('Everywhere', everywhereOptions)}
Subcommands (\`ipvs SUBCOMMAND --help\` says more)
${Object.entries(subcommands)
  .map(([name, { summary }]) => `  ${name.padEnd(WIDTH)} ${summary}\n`)
  .join('')}
Exit status: 0 done, 1 reading or a subcommand failed, 2 the command line is wrong, 255 the kernel refused the
change or the option is unknown.
`
