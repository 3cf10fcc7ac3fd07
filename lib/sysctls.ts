// Kernel settings that change what happens to connections of a quiesced or deleted real server.
// SPDX-License-Identifier: MIT

import { readFile } from 'node:fs/promises'

/** Settings under /proc/sys/net/ipv4/vs (Documentation/networking/ipvs-sysctl.rst); undefined is not known. */
export interface Sysctls {
  /** A client whose persistence template names a quiesced server is scheduled anew. The kernel's default is false. */
  readonly expireQuiescentTemplate?: boolean | undefined
  /** Connections of a deleted server end at their next packet (Linux 5.9: at once). The kernel's default is false. */
  readonly expireNodestConn?: boolean | undefined
  /** 0: a client that uses a port again goes to the server that it had before. The kernel's default is 1. Since Linux 4.1. */
  readonly connReuseMode?: number | undefined
}

const FOLDER = '/proc/sys/net/ipv4/vs'

/**
 * Reads the settings of the network namespace that this process is in; what cannot be read is left undefined, so that
 * nothing is known where IPVS is not loaded. The kernel shows nobody those of another namespace: for a client that was
 * opened with `netns` this is the wrong place, unless the process runs there.
 */
export const readSysctls = async (): Promise<Sysctls> => {
  const [template, nodest, reuse] = await Promise.all([
    read('expire_quiescent_template'),
    read('expire_nodest_conn'),
    read('conn_reuse_mode'),
  ])
  return {
    expireQuiescentTemplate: template === undefined ? undefined : template !== 0,
    expireNodestConn: nodest === undefined ? undefined : nodest !== 0,
    connReuseMode: reuse,
  }
}

const read = async (name: string): Promise<number | undefined> => {
  const text = await readFile(`${FOLDER}/${name}`, 'utf8').catch(() => '')
  return /^\d+\s*$/.test(text) ? Number(text) : undefined
}
