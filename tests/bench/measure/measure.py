"""Runs each program in turn, round after round, on one core, and prints medians as Markdown. Called by `run`."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CORE = "1"
THREADS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}
# A peer that takes longer than this for one run is left out of the larger sizes.
PATIENCE_SECONDS = 60
SAME_WORK = "psi,ks,wasserstein,jensen_shannon,chi_squared"


def ways(program, data, rows):
    """Label and command of each program for windows of so many rows."""
    reference, current, people = (f"{data}/{name}-{rows}.parquet" for name in ("reference", "current", "people"))
    windows = ["--reference", reference, "--current", current, "--format", "json"]

    def peer(name, *files):
        return [sys.executable, f"{HERE}/peers/{name}.py", *files]

    yield "drift", [
        ("clause9-measure, the statistics that scipy computes here", [program, "drift", *windows, "--tests", SAME_WORK]),
        ("clause9-measure, all sixteen", [program, "drift", *windows, "--tests", "all"]),
        ("clause9-measure, all sixteen in 64 MiB (sketches)", [program, "drift", *windows, "--tests", "all", "--memory", "64MiB"]),
        ("scipy: PSI, KS, Wasserstein, Jensen-Shannon, chi-squared", peer("scipy_drift", reference, current)),
        ("polars: PSI only", peer("polars_psi", reference, current)),
        ("Evidently: its default, one test a column", peer("evidently_drift", reference, current)),
    ]
    roles = ["--prediction", "y_pred", "--label", "y_true", "--protected", "sex,race", "--format", "json"]
    yield "bias", [
        ("clause9-measure, all measures", [program, "bias", "--data", people, *roles]),
        ("DuckDB: the table of counts only", peer("duckdb_counts", people)),
    ]


def run(command):
    """CPU seconds, wall seconds and peak memory in MiB of one whole process."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        began = time.perf_counter()
        child = subprocess.Popen(["taskset", "-c", CORE, *command], stdout=output, stderr=errors, env={**os.environ, **THREADS})
        _, status, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            errors.seek(0)
            sys.exit(f"{' '.join(command)} ended with {child.returncode}:\n{errors.read().decode()[-2000:]}")
        output.seek(0)
        if not isinstance(json.load(output), dict):
            sys.exit(f"{' '.join(command)} did not answer")
    return used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser()
    for name in ("--program", "--data", "--rows"):
        parser.add_argument(name, required=True)
    parser.add_argument("--rounds", type=int, required=True)
    options = parser.parse_args()
    slow = set()
    for rows in map(int, options.rows.split(",")):
        for work, commands in ways(options.program, options.data, rows):
            print(f"\n{work}, {rows:,} rows in a window\n\n| program | CPU s | wall s | peak MiB | runs |\n|---|---|---|---|---|", flush=True)
            seen = {label: [] for label, _ in commands}
            for _ in range(options.rounds):
                for label, command in commands:
                    if label not in slow:
                        seen[label].append(run(command))
                        if seen[label][-1][1] > PATIENCE_SECONDS:
                            slow.add(label)
            for label, _ in commands:
                if seen[label]:
                    cpu, wall, memory = (statistics.median(column) for column in zip(*seen[label]))
                    print(f"| {label} | {cpu:.2f} | {wall:.2f} | {memory:.0f} | {len(seen[label])} |", flush=True)
                else:
                    print(f"| {label} | not run: more than {PATIENCE_SECONDS} s with fewer rows | | | 0 |", flush=True)


main()
