"""Scrapes each server in turn, round after round, and prints what it saw as Markdown. Called by `run`."""

import re
import socket
import statistics
import subprocess
import sys
import threading
import time
import zlib

SERVER_CORE = "0"
WAYS = [
    # (label, how the server makes the page, Accept-Encoding)
    ("clause9-exporter, plain", "ours", "identity"),
    ("clause9-exporter, gzip", "ours", "gzip"),
    ("fixed buffer of the same bytes", "static", "identity"),
    ("prometheus-client 0.25", "prometheus-client", "identity"),
    ("prometheus 0.14 TextEncoder", "prometheus", "identity"),
]
N_IMPATIENT = 20
N_TRIES = 50
PATIENCE_SECONDS = 0.005


class Server:
    """One way of making the page, on its own core."""

    def __init__(self, binary, way, n_series):
        command = ["taskset", "-c", SERVER_CORE, binary, way, n_series]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())
        self.connection = self.connect()

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/schedstat") as file:
            return int(file.read().split()[0]) / 1e9

    def status(self, field):
        with open(f"/proc/{self.process.pid}/status") as file:
            return int(re.search(rf"^{field}:\s+(\d+)", file.read(), re.M)[1])


def scrape(connection, encoding, buffer):
    """One request on an open connection; returns the body, which lies in `buffer` until the next scrape."""
    request = f"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept-Encoding: {encoding}\r\n\r\n"
    connection.sendall(request.encode())
    view, have, end = memoryview(buffer), 0, None
    while end is None or have < end:
        n = connection.recv_into(view[have:])
        if n == 0:
            raise ConnectionError("the server closed the connection")
        have += n
        if end is None and (head := bytes(buffer[: min(have, 4096)]).find(b"\r\n\r\n")) >= 0:
            length = re.search(rb"content-length: (\d+)", bytes(buffer[:head]).lower())[1]
            start = head + 4
            end = start + int(length)
    return view[start:end]


def room(n_series):
    """For a page of so many series; one is about 93 bytes long."""
    return bytearray((1 << 20) + 128 * int(n_series))


def measure(servers, n_series, n_rounds):
    """All ways in turn, so that whatever else the machine does falls on all of them."""
    buffer = room(n_series)
    times, cpu, size = {}, {}, {}
    for i in range(n_rounds + 3):
        for label, way, encoding in WAYS:
            server = servers[way]
            cpu_before, before = server.cpu_seconds(), time.perf_counter()
            body = scrape(server.connection, encoding, buffer)
            elapsed, used = time.perf_counter() - before, server.cpu_seconds() - cpu_before
            size[label] = len(body)
            if i >= 3:  # the first rounds warm up
                times.setdefault(label, []).append(elapsed * 1e3)
                cpu.setdefault(label, []).append(used * 1e3)
    return times, cpu, size


def impatient(server, done):
    """A scraper that waits too little, gives up and comes again."""
    buffer = bytearray(1 << 20)
    for _ in range(N_TRIES):
        deadline = time.perf_counter() + PATIENCE_SECONDS
        try:
            with server.connect() as connection:
                connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                while True:
                    connection.settimeout(max(deadline - time.perf_counter(), 1e-4))
                    if not connection.recv_into(buffer):
                        done.append(1)
                        break
                    if time.perf_counter() > deadline:
                        break
        except OSError:
            pass


def main():
    binary, n_series, n_rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
    servers = {}
    try:
        for _, way, _ in WAYS:
            if way not in servers:
                servers[way] = Server(binary, way, n_series)
        times, cpu, size = measure(servers, n_series, n_rounds)
        report(servers, times, cpu, size, n_series, n_rounds)
        storm(servers["ours"], n_series)
    finally:
        for server in servers.values():
            server.process.kill()


def report(servers, times, cpu, size, n_series, n_rounds):
    print(f"{int(n_series):,} series with 3 labels, {n_rounds} scrapes each in turn over loopback, medians; server and")
    print("client on a core each. CPU is the server's.\n")
    print("| page made by | wall ms | p10 to p90 | CPU ms | body bytes | peak RSS MiB |")
    print("|---|---|---|---|---|---|")
    for label, way, _ in WAYS:
        tenths = statistics.quantiles(times[label], n=10)
        wall, used = statistics.median(times[label]), statistics.median(cpu[label])
        peak = servers[way].status("VmHWM") / 1024
        print(f"| {label} | {wall:.2f} | {tenths[0]:.2f} to {tenths[-1]:.2f} | {used:.2f} | {size[label]:,} | {peak:.0f} |")
    wall = {label: statistics.median(times[label]) for label in times}
    plain, _, fixed, client, encoder = (wall[label] for label, _, _ in WAYS)
    print(f"\nWall time of the plain page: {plain / fixed:.2f} times the fixed buffer's. prometheus-client takes")
    print(f"{client / plain:.1f} times as long, TextEncoder {encoder / plain:.1f} times.")


def storm(server, n_series):
    done = []
    scrapers = [threading.Thread(target=impatient, args=(server, done)) for _ in range(N_IMPATIENT)]
    for scraper in scrapers:
        scraper.start()
    for scraper in scrapers:
        scraper.join()
    # Read with gzip, which also shows that the stream is whole.
    body = scrape(server.connect(), "gzip", room(n_series))
    page = zlib.decompress(body, wbits=31).decode()
    renderings = re.search(r"^own_page_renderings_total (\d+)$", page, re.M)[1]
    print(f"\n{N_IMPATIENT} scrapers that wait {PATIENCE_SECONDS * 1e3:.0f} ms and come again, {N_TRIES} times each: ", end="")
    print(f"{len(done)} of {N_IMPATIENT * N_TRIES} got the page, renderings so far: {renderings}.")


main()
