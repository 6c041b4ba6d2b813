"""What a year's store costs: whole processes, by GNU time, and DuckDB over the same intervals. Prints Markdown."""

import argparse
import csv
import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

MIB = 1 << 20


def ends(quarter):
    """Epoch seconds of the beginning and the end of a quarter such as 2025-Q4 in Berlin."""
    year, number = int(quarter[:4]), int(quarter[-1])
    starts = [(year + (number - 1 + more) // 4, 3 * ((number - 1 + more) % 4) + 1) for more in (0, 1)]
    return [int(datetime(*start, 1, tzinfo=ZoneInfo("Europe/Berlin")).timestamp()) for start in starts]


def timed(command, accept=(0,)):
    """Wall s, CPU s and peak MiB of a process, and what it printed."""
    with tempfile.NamedTemporaryFile("r") as told:
        done = subprocess.run(["/usr/bin/time", "-q", "-o", told.name, "-f", "%e %U %S %M", *map(str, command)], capture_output=True, text=True)
        if done.returncode not in accept:
            sys.exit(f"{' '.join(map(str, command))}: {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        wall, user, kernel, peak = map(float, told.read().split())
    return wall, user + kernel, peak / 1024, done.stdout


class Table:
    def __init__(self):
        print(f"load {os.getloadavg()[0]:.1f} of {os.cpu_count()} processors at the beginning\n")
        print("| what | limit | wall | CPU | peak MiB |\n|---|---|---|---|---|")

    def row(self, what, limit, wall, cpu, peak):
        print(f"| {what} | {limit} | {wall} | {cpu} | {peak} |", flush=True)

    def processes(self, what, limit, rounds, command, before=lambda: None):
        runs = []
        for _ in range(rounds):
            before()
            runs.append(timed(command))
        walls = sorted(run[0] for run in runs)
        spread = f" ({walls[0]:.2f} to {walls[-1]:.2f})" if rounds > 1 else ""
        median = [statistics.median(run[place] for run in runs) for place in range(3)]
        self.row(what, limit, f"{median[0]:.2f} s{spread}", f"{median[1]:.2f} s", f"{median[2]:.0f}")
        return runs[-1][3]


def in_process(command, name):
    """Medians of what the benchmark printed under a name: how many rows, wall s, CPU s."""
    printed = timed(command)
    lines = [line.split() for line in printed[3].splitlines() if line.startswith(f"{name} ")]
    return int(lines[-1][1]), statistics.median(float(line[2]) for line in lines), statistics.median(float(line[3]) for line in lines), printed[2]


def watched(database):
    spans = []
    for began, until in sorted(database.execute("SELECT began, until + 1 FROM agent_runs")):
        if spans and began <= spans[-1][1]:
            spans[-1][1] = max(spans[-1][1], until)
        else:
            spans.append([began, until])
    assert not database.execute("SELECT 1 FROM evidence WHERE kind = 'gap'").fetchone(), "spans that could not be stored are not left out here"
    return spans


def parquet(database, folder):
    """The intervals as Parquet, written from the store."""
    path = folder / "intervals.parquet"
    columns = ["indicator", "labels", "measured", "state", "held_from", "held_until"]
    with tempfile.NamedTemporaryFile("w", suffix=".csv", dir=folder, newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(database.execute(f"SELECT {', '.join(columns)} FROM reading_intervals ORDER BY reading"))
        file.flush()
        types = "{'indicator': 'VARCHAR', 'labels': 'VARCHAR', 'measured': 'DOUBLE', 'state': 'VARCHAR', 'held_from': 'BIGINT', 'held_until': 'BIGINT'}"
        duckdb.sql(f"COPY (SELECT * FROM read_csv('{file.name}', header = true, columns = {types})) TO '{path}' (FORMAT parquet)")
    return path


def duckdb_breach(path, spans, rounds, start, end):
    values = ", ".join(f"({a}, {b})" for a, b in spans)
    sql = f"""
        WITH watched (began, until) AS (VALUES {values})
        SELECT indicator, labels, sum(least(coalesce(held_until, {end}), until, {end}) - greatest(held_from, began, {start})) AS seconds
        FROM '{path}' JOIN watched ON held_from < until AND coalesce(held_until, {end}) > began
        WHERE state = 'breach' AND held_from < {end} AND coalesce(held_until, {end}) > {start} AND began < {end} AND until > {start}
        GROUP BY indicator, labels"""
    connection = duckdb.connect()
    walls, cpus = [], []
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        rows = connection.execute(sql).fetchall()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return {(indicator, labels): seconds for indicator, labels, seconds in rows if seconds > 0}, walls, cpus


def breach(table, bench, folder, database, rounds, period):
    path = parquet(database, folder)
    out = folder / "breach.tsv"
    count, wall, cpu, peak = in_process([bench, "breach", folder, rounds, out, *period], "breach")
    theirs, walls, cpus = duckdb_breach(path, watched(database), rounds, *period)
    ours = {}
    for line in out.read_text().splitlines():
        indicator, labels, seconds = line.split("\t")
        ours[indicator, labels] = int(seconds)
    assert ours == theirs, f"{len(ours)} and {len(theirs)}: {list(set(ours.items()) ^ set(theirs.items()))[:3]}"
    other = statistics.median(walls)
    table.row(f"time in breach of all series in a quarter ({count} were)", f"{2e3 * other:.0f} ms, twice DuckDB's", f"{1e3 * wall:.0f} ms", f"{1e3 * cpu:.0f} ms", f"{peak:.0f}")
    table.row(f"the same by DuckDB {duckdb.__version__}, Parquet of {path.stat().st_size / MIB:.0f} MiB", "", f"{1e3 * other:.0f} ms ({1e3 * min(walls):.0f} to {1e3 * max(walls):.0f})", f"{1e3 * statistics.median(cpus):.0f} ms", "")


def sizes(table, database, file):
    versions, intervals, entries = (database.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ["record_versions", "reading_intervals", "evidence"])
    per_million = file.stat().st_size / MIB / (versions + intervals) * 4e6
    table.row(f"database: {versions:,} versions, {intervals:,} intervals, {entries:,} entries", "1,024 MiB for 4,000,000", f"{file.stat().st_size / MIB:,.0f} MiB, {per_million:,.0f} for 4,000,000", "", "")


def main():
    parser = argparse.ArgumentParser()
    for name in ["program", "bench", "folder"]:
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--what", default="size")
    parser.add_argument("--quarter", default="2025-Q4")
    args = parser.parse_args()
    what = args.what.split(",")
    data = args.folder / "data"
    config, file = args.folder / "agent.yaml", data / "clause9.sqlite"
    database = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    table = Table()
    if "size" in what:
        sizes(table, database, file)
    if "history" in what:
        for name, words in [("held", "by its key"), ("history", "found by system and label, four years before with it")]:
            count, wall, cpu, peak = in_process([args.bench, "history", args.folder, 5 * args.rounds], name)
            table.row(f"one series over the year, {words} ({count} steps)", "20 ms", f"{1e3 * wall:.1f} ms", f"{1e3 * cpu:.0f} ms", f"{peak:.0f}")
        command = [args.program, "history", "drift_psi", "--config", config, "--system", "fraud-250", "--label", "feature=income", "--from", "2025-01-01", "--to", "2026-01-01", "--format", "csv"]
        table.processes("`clause9 history` of one series, the process", "", args.rounds, command)
    if "breach" in what:
        breach(table, args.bench, args.folder, database, 3 * args.rounds, ends(args.quarter))
    if "verify" in what:
        table.processes("`clause9 verify`", "30 s", args.rounds, [args.program, "verify", "--data-dir", data])
    out = args.folder / "pack"
    pack = [args.program, "review", "make", "--config", config, "--quarter", args.quarter, "--out", out]
    fresh = lambda: shutil.rmtree(out, ignore_errors=True)
    if "pack" in what:
        table.processes("a pack of the quarter, all but PDF", "10 s, 300 MiB", args.rounds, pack, fresh)
    if "pdf" in what and any(shutil.which(name) for name in ["chromium", "chromium-browser", "google-chrome", "chrome"]):
        table.processes("the same with its PDF", "20 s", 1, [*pack, "--pdf"], fresh)
    if "rederive" in what:
        said = table.processes("`clause9 verify --rederive all`", "600 s", 1, [args.program, "verify", "--data-dir", data, "--rederive", "all"])
        print("\n" + "\n".join(line for line in said.splitlines() if "computed again" in line or "not in full" in line))


if __name__ == "__main__":
    main()
