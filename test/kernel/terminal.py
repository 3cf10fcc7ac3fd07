# Runs a program on a pseudo-terminal, and tells what it left behind.
# SPDX-License-Identifier: MIT
#
# usage: terminal.py ROWS COLUMNS PROGRAM [ARGUMENT...]
# Standard input: a JSON object a line, {"keys": TEXT}, {"size": [ROWS, COLUMNS]} or {"signal": NAME}. Standard output: what the
# program writes. At the end, on standard error: {"status": ..., "restored": are the terminal's settings as before}.
import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import termios

rows, columns = int(sys.argv[1]), int(sys.argv[2])
master, slave = pty.openpty()


def resize(rows, columns):
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


resize(rows, columns)
before = termios.tcgetattr(slave)
pid = os.fork()
if pid == 0:
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for fd in (0, 1, 2):
        os.dup2(slave, fd)
    os.execvp(sys.argv[3], sys.argv[3:])

pending = b""
status = None
while True:
    ready, _, _ = select.select([master, 0] if status is None else [master], [], [], 0.05)
    if master in ready:
        os.write(1, os.read(master, 65536))
        continue
    if 0 in ready:
        got = os.read(0, 65536)
        if not got:
            os.kill(pid, signal.SIGKILL)
        pending += got
        while b"\n" in pending:
            line, pending = pending.split(b"\n", 1)
            order = json.loads(line)
            if "keys" in order:
                os.write(master, order["keys"].encode())
            if "size" in order:
                resize(*order["size"])
            if "signal" in order:
                os.kill(pid, getattr(signal, order["signal"]))
    if status is not None:
        break
    done, code = os.waitpid(pid, os.WNOHANG)
    if done:
        status = os.waitstatus_to_exitcode(code)
print(json.dumps({"status": status, "restored": termios.tcgetattr(slave) == before}), file=sys.stderr)
