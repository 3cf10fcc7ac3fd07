// Connection synchronisation daemons: start, stop, list.
// SPDX-License-Identifier: MIT

import type { WireDaemon } from './abi.js'
import { IpvsError } from './errors.js'
import { daemonFromWire, daemonState, daemonToWire } from './model/daemon.js'
import {
  nothing,
  type Operation,
  type Request,
  type Runner,
  repliesOf,
  subjectOf,
  type Task,
} from './request.js'
import type { CallOptions, Daemon, DaemonStatus } from './types.js'

const allDaemons: Request = { command: 'getDaemon', body: {}, dump: true }

function* stop(daemon: WireDaemon): Task<void> {
  // Up to Linux 6.1 the kernel stops a daemon that has only just started but sends no ACK. So the list is asked for
  // in the same breath: its end shows that the kernel is through, and its content whether the daemon is.
  const [stopped, list] = yield [{ command: 'delDaemon', body: { daemon } }, allDaemons]
  repliesOf(stopped)
  if (repliesOf(list).some((reply) => reply.daemon?.state === daemon.state)) {
    throw new IpvsError({
      command: 'delDaemon',
      reason: 'outcome-unknown',
      errno: 0,
      subject: subjectOf({ daemon }),
      explanation: 'the kernel reported no error, yet a daemon of this state is running',
    })
  }
}

/** The two daemons (one master, one backup) that copy connections between directors. */
export class Daemons {
  readonly #runner: Runner

  /** @internal */
  constructor(runner: Runner) {
    this.#runner = runner
  }

  /**
   * Starts a daemon (IPVS_CMD_NEW_DAEMON, `ipvsadm --start-daemon`).
   * @throws TypeError or RangeError naming the field, before anything is sent.
   * @throws IpvsError 'daemon-exists', 'no-such-interface', 'daemon-failed', 'invalid', or one that any call throws,
   * see services.add().
   */
  start(daemon: Daemon, options?: CallOptions): Promise<void> {
    return this.#runner.call(
      () => ({ command: 'newDaemon', body: { daemon: daemonToWire(daemon) } }),
      nothing,
      options,
    )
  }

  /**
   * Stops the daemon of this state (IPVS_CMD_DEL_DAEMON, `ipvsadm --stop-daemon`) and makes sure that it is gone.
   * @throws IpvsError 'no-such-daemon', or one that any call throws.
   */
  stop(state: Daemon['state'], options?: CallOptions): Promise<void> {
    const make = (): Operation<void> => {
      const daemon = daemonState(state)
      return { task: stop(daemon), command: 'delDaemon', body: { daemon }, holds: `daemon ${state}` }
    }
    return this.#runner.run(make, options)
  }

  /** Reads the running daemons, none to two (IPVS_CMD_GET_DAEMON, `ipvsadm -L --daemon`). */
  list(options?: CallOptions): Promise<readonly DaemonStatus[]> {
    function* list(): Task<readonly DaemonStatus[]> {
      const [dump] = yield [allDaemons]
      return repliesOf(dump).flatMap(({ daemon }) => (daemon === undefined ? [] : [daemonFromWire(daemon)]))
    }
    return this.#runner.run(() => ({ task: list(), command: 'getDaemon', body: {} }), options)
  }
}
