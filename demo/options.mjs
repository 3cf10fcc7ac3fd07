// The demo's flags, the same for the host's side and for the side inside the virtual machine.
// SPDX-License-Identifier: MIT
import { parseArgs } from 'node:util'
import { Problem } from '../scripts/lib.mjs'

export const forwardings = ['masquerading', 'direct-routing', 'tunneling']

export const usage = `usage: npm run demo -- [options]

Runs a real load balancer: a client, a director and three real servers in network namespaces. This
package sets the director up, HTTP requests flow, and every step is checked against what was configured.
Installs what is missing, builds, and boots a virtual machine whose kernel has IPVS.

  --forwarding METHOD  ${forwardings.join(', ')} (default: ${forwardings[0]})
  --ipv6               everything over IPv6
  --host               use this machine's own kernel where it has IPVS; needs root. Touches
                       only network namespaces of its own, named ipvs-demo-*, and removes them. The
                       kernel may load modules (ip_vs, veth, bridge and the like): those stay loaded
  --help

Exit status: 0 only when the observed traffic matches what was configured.
`

const flags = {
  forwarding: { type: 'string', default: forwardings[0] },
  ipv6: { type: 'boolean', default: false },
  host: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
}

/** The values of the flags. Throws a Problem with the usage about flags that are not ours. */
export function parseFlags(argv) {
  try {
    const { values } = parseArgs({ args: argv, options: flags })
    if (!forwardings.includes(values.forwarding)) {
      throw new TypeError(`--forwarding ${values.forwarding}: none of ${forwardings.join(', ')}`)
    }
    return values
  } catch (error) {
    throw new Problem(`demo: ${error.message}\n\n${usage}`)
  }
}

/** The flags as arguments again, for the process inside the virtual machine. */
export const flagsFor = ({ forwarding, ipv6 }) => ['--forwarding', forwarding, ...(ipv6 ? ['--ipv6'] : [])]
