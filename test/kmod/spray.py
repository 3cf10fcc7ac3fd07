#!/usr/bin/env python3
# Opens connections from many local addresses, the same in each run, to a virtual service.
# SPDX-License-Identifier: MIT
import random
import socket
import sys

IP_FREEBIND = 15
address, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
random.seed(7)
clients = random.sample(range(65536), count)
sockets = []
for i, client in enumerate(clients):
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    s.setblocking(False)
    s.setsockopt(socket.SOL_IP, IP_FREEBIND, 1)
    s.bind((f"10.88.{client >> 8}.{client & 255}", 20000 + i))
    s.connect_ex((address, port))
    # Open until the end, in bounds: the connections stay in the table anyway.
    sockets.append(s)
    if len(sockets) > 500:
        sockets.pop(0).close()
