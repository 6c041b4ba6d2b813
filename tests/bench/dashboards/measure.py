#!/usr/bin/env python3
"""Asks every query of the dashboards as Grafana would, and prints a Markdown table of the slowest. Exit code 1 when one exceeds the limit.

usage: measure.py PROMETHEUS-URL END-EPOCH DASHBOARD.json...
"""
import http.client
import json
import re
import statistics
import sys
import time
import urllib.parse

SPAN = 86_400          # seconds that a dashboard shows
SCRAPE = 300           # seconds between samples, which the data source is told
SCREEN = 1_600         # pixels, for panels that don't say how many points they want
ROUNDS = 5
LIMIT = 200            # milliseconds
SHOWN = 12


def main(url, end, files):
    server = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc)
    everything = ask(server, "query", {"query": 'count({__name__=~".+"})', "time": end})
    series = everything["data"]["result"][0]["value"][1]
    found = [measured for file in files for measured in of_dashboard(server, end, file)]
    found.sort(key=lambda one: -one["ms"])
    print(f"{len(found)} queries, {series} series at the end of the day; medians of {ROUNDS}, the slowest {SHOWN}, in milliseconds. Limit: {LIMIT}.\n")
    print("| dashboard | panel | kind | series | ms |")
    print("|---|---|---|---|---|")
    for one in found[:SHOWN]:
        print(f"| {one['dashboard']} | {one['panel']} | {one['kind']} | {one['series']} | {one['ms']:.0f} |")
    print(f"\nAll together, one after the other: {sum(one['ms'] for one in found):.0f} ms; per dashboard: {per_dashboard(found)}.")
    return 1 if found[0]["ms"] > LIMIT else 0


def per_dashboard(found):
    names = sorted({one["dashboard"] for one in found})
    return ", ".join(f"{name} {sum(one['ms'] for one in found if one['dashboard'] == name):.0f}" for name in names)


def of_dashboard(server, end, file):
    with open(file, encoding="utf-8") as opened:
        board = json.load(opened)
    chosen = {}
    for variable in board["templating"]["list"]:
        chosen[variable["name"]] = all_values(server, end, variable, chosen)
    for panel in board["panels"]:
        step = step_of(panel)
        values = chosen | {
            "__interval": f"{step}s", "__interval_ms": f"{1000 * step}", "__rate_interval": f"{max(step + SCRAPE, 4 * SCRAPE)}s",
            "__range": f"{SPAN}s", "__range_s": f"{SPAN}", "__to": f"{1000 * end}",
        }
        for target in panel.get("targets", []):
            query = {"query": fill(target["expr"], values)}
            kind = "range" if target["range"] else "instant"
            query |= {"start": end - SPAN, "end": end, "step": step} if target["range"] else {"time": end}
            times, answer = timed(server, "query_range" if target["range"] else "query", query)
            yield {"dashboard": board["title"], "panel": panel["title"], "kind": kind, "series": len(answer["data"]["result"]), "ms": statistics.median(times)}


def step_of(panel):
    points = panel.get("maxDataPoints") or SCREEN * panel["gridPos"]["w"] // 24
    return max(SPAN // points, SCRAPE)


def all_values(server, end, variable, chosen):
    """What stands for everything, as Grafana fills it in."""
    if variable["type"] != "query":
        return variable["query"]
    if "allValue" in variable:
        return variable["allValue"]
    query = fill(variable["query"]["query"], chosen)
    kind, inner = query.removesuffix(")").split("(", 1)
    if kind == "query_result":
        found = ask(server, "query", {"query": inner, "time": end})["data"]["result"]
        # Each answer as Grafana writes it, of which the variable picks a part.
        texts = (f"{{{','.join(f'{name}={json.dumps(value)}' for name, value in one['metric'].items())}}} {one['value'][1]} {1000 * one['value'][0]}" for one in found)
        return "|".join(re.search(variable["regex"].strip("/"), text).group(1) for text in texts)
    series, label = inner.rsplit(", ", 1)
    server.request("GET", f"/api/v1/label/{label}/values?" + urllib.parse.urlencode({"match[]": series, "start": end - SPAN, "end": end}))
    return "|".join(json.loads(server.getresponse().read())["data"])


def fill(text, values):
    for name in sorted(values, key=len, reverse=True):
        text = text.replace(f"${{{name}}}", values[name]).replace(f"${name}", values[name])
    return text


def timed(server, path, query):
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        answer = ask(server, path, query)
        times.append(1000 * (time.perf_counter() - began))
    return times, answer


def ask(server, path, query):
    server.request("POST", f"/api/v1/{path}", urllib.parse.urlencode(query), {"Content-Type": "application/x-www-form-urlencoded"})
    answer = server.getresponse()
    body = answer.read()
    if answer.status != 200:
        sys.exit(f"{answer.status}: {body[:500].decode()}\n{query['query']}")
    return json.loads(body)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))
