#!/usr/bin/env python3
"""Makes up a past: reads one scrape of the agent and writes OpenMetrics text with samples of the time before, for `promtool tsdb create-blocks-from`.

Series of systems are repeated under further systems' names until there are enough series. States change now and then, values swing about what was
scraped; the last samples are what was scraped. The same scrape gives the same past.

usage: history.py --labels 'job="clause9",instance="..."' --to EPOCH --span SECONDS --step SECONDS [--series N] < metrics > history.txt
"""
import argparse
import math
import re
import sys
import zlib

SAMPLE = re.compile(r'^([a-z_0-9]+)(?:\{(.*)\})? (\S+)$')
STATE = re.compile(r'state="(\w+)"')
SYSTEM = re.compile(r'(?<![a-z_])system="([^"]*)"')
STATES = ["ok", "warning", "breach", "unknown"]


def main():
    options = arguments()
    series = list(scraped(sys.stdin))
    out = sys.stdout
    times = range(options.to - options.span, options.to + 1, options.step)
    for name, labels, value in widened(series, options.series):
        for at, labels_then, value_then in past(name, labels, value, times, options):
            out.write(f"{name}{{{','.join(filter(None, [labels_then, options.labels]))}}} {value_then} {at}\n")
    out.write("# EOF\n")


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--labels", required=True)
    for name in ("--to", "--span", "--step"):
        parser.add_argument(name, type=int, required=True)
    parser.add_argument("--series", type=int, default=0)
    return parser.parse_args()


def scraped(lines):
    for line in lines:
        match = SAMPLE.match(line.strip())
        if match:
            name, labels, value = match.groups()
            yield name, labels or "", float(value)


def widened(series, wanted):
    """The series, then those of every system again for a second, third, ... system of the same kind."""
    count = 0
    for one in series:
        yield one
        count += 1
    of_systems = [one for one in series if SYSTEM.search(one[1])]
    copy = 2
    while of_systems and count < wanted:
        for name, labels, value in of_systems:
            if count < wanted:
                yield name, SYSTEM.sub(lambda match: f'system="{match[1]}-{copy:03}"', labels), value
                count += 1
        copy += 1


def past(name, labels, value, times, options):
    luck = zlib.crc32(SYSTEM.sub("", labels).encode() + name.encode()) / 2**32
    if name == "aims_indicator_state":
        yield from states(labels, luck, times)
        return
    is_moment = name.endswith("_timestamp_seconds")
    is_due = is_moment and "due" in name
    counts_up = name.endswith(("_total", "_count", "_sum", "_bucket"))
    swings = name.startswith("aims_") and not is_moment and not float(value).is_integer()
    for at in times:
        left = (options.to - at) / max(options.span, 1)
        if is_due:
            # Occasions that were done meanwhile had other days.
            yield at, labels, value if left < luck else value - 86400 * round(200 * luck)
        elif is_moment and value > 0:
            yield at, labels, value - (options.to - at)
        elif counts_up:
            yield at, labels, round(value * (1 - left), 6)
        elif swings:
            yield at, labels, round(value * (1 - left * (0.3 + 0.5 * luck)) + 0.08 * abs(value) * math.sin(9 * luck + 40 * left) * min(1, 20 * left), 6)
        else:
            yield at, labels, value


def states(labels, luck, times):
    """What is in trouble now began at some time; what is fine now was in trouble for a while, if it has bad luck."""
    now = STATE.search(labels)[1]
    first, last = times[0], times[-1]
    for at in times:
        ago = (last - at) / max(last - first, 1)
        if now == "ok":
            state = "warning" if luck < 0.06 and 0.2 < ago < 0.2 + 5 * luck else "breach" if 0.94 < luck and 0.35 < ago < 0.8 else "ok"
        else:
            state = now if ago < 0.1 + 1.5 * luck else "warning" if ago < 0.3 + 1.5 * luck and now != "warning" else "ok"
        yield at, STATE.sub(f'state="{state}"', labels), 1


if __name__ == "__main__":
    main()
