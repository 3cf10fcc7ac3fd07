# The ends of a test network: lan.py serve NAME | ask ADDRESS COUNT FIRST_PORT | poll ADDRESS | capture
# SPDX-License-Identifier: MIT
import json
import socket
import sys
import threading
import time

PORT = 80


def say(value):
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def ask_once(address, patience, port=0):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.bind(("", port))
        client.settimeout(patience)
        client.connect((address, PORT))
        return client.recv(100).decode()


# Tells its name to who connects, over IPv4 and IPv6.
def serve(name):
    server = socket.create_server(("::", PORT), family=socket.AF_INET6, dualstack_ipv6=True, backlog=128)
    say("ready")
    while True:
        client, _ = server.accept()
        with client:
            client.sendall(name.encode())


# Who answers connections from so many ports; null when nobody does.
def ask(address, count, first):
    answers = []
    for port in range(int(first), int(first) + int(count)):
        try:
            answers.append(ask_once(address, 3, port))
        except OSError:
            answers.append(None)
    say(answers)


def attempt(address):
    try:
        name = ask_once(address, 2)
    except OSError:
        return
    say([time.time() * 1000, name])


# Ten new connections a second, for ever: each answer with the time it came.
def poll(address):
    say("ready")
    while True:
        threading.Thread(target=attempt, args=[address], daemon=True).start()
        time.sleep(0.1)


def arp_of(frame):
    return {
        "what": {1: "arp-request", 2: "arp-reply"}.get(frame[21]),
        "source": socket.inet_ntop(socket.AF_INET, frame[28:32]),
        "target": socket.inet_ntop(socket.AF_INET, frame[38:42]),
    }


def neighbour_of(frame):
    if frame[20] != 58 or frame[54] not in (135, 136):
        return None
    return {
        "what": {135: "solicitation", 136: "advertisement"}[frame[54]],
        "source": socket.inet_ntop(socket.AF_INET6, frame[22:38]),
        "target": socket.inet_ntop(socket.AF_INET6, frame[62:78]),
        "flags": frame[58],
    }


# Every ARP packet and neighbour message that comes in by a port of this switch.
def capture():
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as tap:
        say("ready")
        while True:
            frame, (port, protocol, kind, *_) = tap.recvfrom(2000)
            if kind == socket.PACKET_OUTGOING or port == "bridge":
                continue
            seen = arp_of(frame) if protocol == 0x0806 else neighbour_of(frame) if protocol == 0x86DD else None
            if seen is not None:
                say({"port": port, **seen})


_, role, *arguments = sys.argv
{"serve": serve, "ask": ask, "poll": poll, "capture": capture}[role](*arguments)
