# pyroute2, where it knows IPVS: prints JSON with the milliseconds of a load, or with the reason why there is none.
# SPDX-License-Identifier: MIT
import json
import sys
import time
from importlib.metadata import version

try:
    from pyroute2 import IPVS, IPVSDest, IPVSService
except ImportError as error:
    print(json.dumps({"version": version("pyroute2"), "missing": str(error)}))
    sys.exit(0)


def dotted(number):
    return ".".join(str((number >> shift) & 255) for shift in (24, 16, 8, 0))


operations = int(sys.argv[1])
ipvs = IPVS()
start = time.monotonic()
for i in range(operations):
    index, place = divmod(i, 6)
    if place == 0:
        service = IPVSService(addr=dotted(0xAC100000 + index), port=80, sched_name="wlc", protocol=6)
        ipvs.service("add", service=service)
    else:
        dest = IPVSDest(addr=dotted(0x0A000000 + index * 5 + place), port=80, fwd_method=0, weight=1)
        ipvs.dest("add", service=service, dest=dest)
print(json.dumps({"version": version("pyroute2"), "time": 1000 * (time.monotonic() - start)}))
