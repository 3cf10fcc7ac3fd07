# Clients and servers of a director in one network namespace: connections that stay, datagrams that go on.
# SPDX-License-Identifier: MIT
#
# usage: flows.py '{"listen": [["tcp", ADDRESS, PORT] ...], "flows": [{"protocol": "tcp", "to": [ADDRESS, PORT],
#        "count": 1, "mark": 0, "text": "x", "each": SECONDS or null} ...]}'
# Prints "ready" when all is open and each flow has been sent; ends when its input does.
import json
import select
import socket
import struct
import sys
import time

SO_MARK = 36
order = json.loads(sys.argv[1])
kinds = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


def open_socket(protocol, address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.socket(family, kinds[protocol])


listening = []
for protocol, address, port in order["listen"]:
    server = open_socket(protocol, address)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((address, port))
    if protocol == "tcp":
        server.listen(1024)
    listening.append(server)

open_ones = []
for flow in order["flows"]:
    for _ in range(flow.get("count", 1)):
        client = open_socket(flow["protocol"], flow["to"][0])
        if flow.get("mark"):
            client.setsockopt(socket.SOL_SOCKET, SO_MARK, struct.pack("I", flow["mark"]))
        client.settimeout(5)
        client.connect(tuple(flow["to"]))
        client.send(flow.get("text", "x").encode())
        open_ones.append([client, flow, time.monotonic()])
print("ready", flush=True)

while True:
    if select.select([sys.stdin], [], [], 0.05)[0]:
        break
    now = time.monotonic()
    for one in open_ones:
        client, flow, last = one
        if flow.get("each") and now - last >= flow["each"]:
            one[2] = now
            try:
                client.send(b"x" * 100)
            except OSError:
                pass  # nobody listens there
