"""What four packs of a simulated year must say, worked out from its events alone.

    answers.py FOLDER      FOLDER holds events.json and the packs 2026-Q1 to 2026-Q4

At each moment at which anything can change, a source's last poll decides what is known, and from that follow value and state. Nothing of clause9 is
used. Prints how many numbers were compared; exits with 1 and the differences where there are any.
"""

import bisect
import calendar
import csv
import datetime
import json
import pathlib
import sys

DAY = 86_400


def last_sunday(year, month):
    last = calendar.monthrange(year, month)[1]
    return last - datetime.date(year, month, last).isoweekday() % 7


def offset(at):
    """Of Berlin from UTC, in seconds: summer time from the last Sunday of March to that of October, 01:00 UTC."""
    year = datetime.datetime.fromtimestamp(at, datetime.timezone.utc).year
    begin, end = (int(datetime.datetime(year, month, last_sunday(year, month), 1, tzinfo=datetime.timezone.utc).timestamp()) for month in (3, 10))
    return 7200 if begin <= at < end else 3600


def day_of(at):
    return (at + offset(at)) // DAY


def start_of(day):
    return next(day * DAY - guess for guess in (3600, 7200) if offset(day * DAY - guess) == guess)


def day_number(text):
    return (datetime.date.fromisoformat(text) - datetime.date(1970, 1, 1)).days


class Year:
    def __init__(self, events):
        self.events = events
        self.stale_after = dict(events["stale_after"])
        self.polls = {name: [at for source, at in events["polls"] if source == name] for name in self.stale_after}
        self.systems = {system["id"]: system for system in events["systems"]}
        for assessment in events["assessments"]:
            assessment["day"] = day_number(assessment["due"])
        self.moments = self.all_moments()

    def last(self, source, at):
        """When a source was read last."""
        place = bisect.bisect_right(self.polls[source], at)
        return self.polls[source][place - 1] if place else None

    def is_stale(self, source, at):
        last = self.last(source, at)
        return last is None or at > last + self.stale_after[source]

    def all_moments(self):
        events = self.events
        moments = {events["begin"], *events["down"], *events["other_limit"]}
        for source, polls in self.polls.items():
            moments.update(polls)
            moments.update(at + self.stale_after[source] + 1 for at in polls)
        moments.update(start_of(day) for day in range(day_of(events["begin"]) + 1, day_of(events["end"]) + 1))
        moments.update(incident["opened_at"] + 7 * DAY + 1 for incident in events["incidents"])
        return sorted(at for at in moments if events["begin"] <= at < events["end"])

    def is_watched(self, at):
        # The second in which the agent stopped was watched.
        down, up = self.events["down"]
        return self.events["begin"] <= at <= down or up <= at <= self.events["end"]

    def inventory(self, at):
        """Systems that are known, each with whether it is retired."""
        last = self.last("inventory", at)
        if last is None:
            return {}
        known = (system for system in self.systems.values() if system["from"] <= last)
        return {system["id"]: system["retired_at"] is not None and system["retired_at"] <= last for system in known}

    def incidents_open(self, system, severity):
        incidents = [i for i in self.events["incidents"] if i["system"] == system and i["severity"] == severity]
        all_of = self.events["incidents"]

        def at(moment):
            if not self.polls["tracker"] or moment < self.polls["tracker"][0]:
                return None
            last = self.last("tracker", moment)
            inventory = self.inventory(moment)
            mine = incidents if system is not None else [i for i in all_of if i["severity"] == severity and i["system"] not in inventory]
            known = [i for i in mine if i["opened_at"] <= last and not (i["resolved_at"] is not None and i["resolved_at"] <= last)]
            if system is not None and inventory.get(system) is not False and not (known and system in inventory):
                return None
            if self.is_stale("tracker", moment) or self.is_stale("inventory", moment):
                return "unknown", None
            count = len(known)
            oldest = moment - min((i["opened_at"] for i in known), default=moment)
            other = self.events["other_limit"][0] <= moment < self.events["other_limit"][1]
            if severity == "critical" and count >= 1:
                return "breach", count
            if severity == "high" and count >= 1:
                breach = count >= 2 if other else oldest > 7 * DAY
                return ("breach" if breach else "warning"), count
            if severity == "medium" and count >= 5:
                return "warning", count
            return "ok", count

        return at

    def overdue(self, system):
        assessments = [a for a in self.events["assessments"] if a["system"] == system]
        tier = self.systems[system]["tier"]

        def at(moment):
            if self.inventory(moment).get(system) is not False or self.last("assessments", moment) is None:
                return None
            if self.is_stale("assessments", moment) or self.is_stale("inventory", moment):
                return "unknown", None
            last, today = self.last("assessments", moment), day_of(moment)
            late = [today - a["day"] for a in assessments if a["day"] < today and not (a["approved_at"] is not None and a["approved_at"] <= last)]
            if late and (tier == "high" or max(late) > 30):
                return "breach", len(late)
            return ("warning" if late else "ok"), len(late)

        return at

    def drift(self, system):
        measurements = sorted((m["at"], m["value"]) for m in self.events["measurements"] if m["system"] == system)

        def at(moment):
            last = self.last("registry", moment)
            if last is None or self.inventory(moment).get(system) is not False or self.systems[system]["from"] > last:
                return None
            known = [m for m in measurements if last - 60 * DAY < m[0] <= last]
            if not known:
                return None
            if self.is_stale("registry", moment) or self.is_stale("inventory", moment):
                return "unknown", None
            taken, value = known[-1]
            if day_of(taken) < day_of(moment) - 30:
                return "unknown", None
            return ("breach" if value >= 0.25 else "warning" if value >= 0.1 else "ok"), value

        return at

    def readings(self):
        for system in self.systems:
            for severity in ("critical", "high", "medium", "low"):
                yield ("incidents_open", (("severity", severity), ("system", system))), self.incidents_open(system, severity)
            yield ("impact_assessments_overdue", (("risk_tier", self.systems[system]["tier"]), ("system", system))), self.overdue(system)
            labels = (("feature", "income"), ("model", f"m-{system}"), ("system", system), ("version", "1"))
            yield ("drift_psi", labels), self.drift(system)

    def course(self, at):
        """Spans with what held in them: (from, until, state, value). Where nobody watched there is none."""
        spans = []
        moments = self.moments + [self.events["end"] + 1]
        for begin, end in zip(moments, moments[1:]):
            if not self.is_watched(begin):
                continue
            if begin == self.events["down"][0]:
                end = begin + 1
            held = at(begin)
            if held is None:
                continue
            if spans and spans[-1][1] == begin and spans[-1][2:] == held:
                spans[-1] = (spans[-1][0], end, *held)
            else:
                spans.append((begin, end, *held))
        return spans


def summary(spans, watched, begin, end):
    inside = [(max(a, begin), min(b, end), state, value) for a, b, state, value in spans if a < end and b > begin]
    if not inside:
        return None
    seconds = {state: sum(b - a for a, b, s, _ in inside if s == state) for state in ("ok", "warning", "breach", "unknown")}
    first_breach = next((a for a, _, state, _ in inside if state == "breach"), None)
    last = inside[-1] if inside[-1][1] == end else None
    since = None
    if last and last[2] == "breach":
        for a, _, state, _ in reversed([span for span in spans if span[0] < end]):
            if state == "breach":
                since = a
            elif state != "unknown":
                break
    worst = None
    for a, _, _, value in inside:
        if value is not None and (worst is None or value > worst[1]):
            worst = (a, value)
    return {
        **{f"{state}_seconds": number for state, number in seconds.items()},
        "unwatched_seconds": end - begin - watched,
        "absent_seconds": watched - sum(seconds.values()),
        "state": last[2] if last else "",
        "value": last[3] if last else None,
        "first_breach": first_breach,
        "in_breach_since": since,
        "worst": worst[1] if worst else None,
        "worst_at": worst[0] if worst else None,
    }


def read(text, name):
    if text == "":
        return "" if name == "state" else None
    if name in ("first_breach", "in_breach_since", "worst_at"):
        return int(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())
    return text if name == "state" else float(text)


def same(told, expected):
    if isinstance(told, float) and expected is not None and not isinstance(expected, str):
        return abs(told - expected) <= 1e-9 * max(1.0, abs(expected))
    return told == expected


def main():
    folder = pathlib.Path(sys.argv[1])
    year = Year(json.loads((folder / "events.json").read_text()))
    courses = {key: year.course(at) for key, at in year.readings()}
    compared, wrong = 0, []
    first_days = [datetime.date(2026, 1, 1), datetime.date(2026, 4, 1), datetime.date(2026, 7, 1), datetime.date(2026, 10, 1), datetime.date(2027, 1, 1)]
    ends = [start_of((day - datetime.date(1970, 1, 1)).days) for day in first_days]
    down, up = year.events["down"]
    for number, (begin, end) in enumerate(zip(ends, ends[1:]), 1):
        pack = folder / f"2026-Q{number}"
        unwatched = max(0, min(up, end) - max(down + 1, begin))
        told = {}
        for row in csv.DictReader((pack / "csv" / "readings.csv").open(newline="")):
            labels = tuple(sorted(json.loads(row["labels"]).items())) if row["labels"].startswith("{") else row["labels"]
            told[row["indicator"], labels] = row
        expected = {key: summary(spans, end - begin - unwatched, begin, end) for key, spans in courses.items()}
        expected = {key: value for key, value in expected.items() if value}
        for key in expected.keys() - told.keys():
            wrong.append(f"{pack.name}: {key} is missing")
        for key in told.keys() - expected.keys():
            # Incidents of systems that nobody knows: there are none.
            if not (key[0] == "incidents_open" and all(name != "system" for name, _ in key[1])) and key[1] != ():
                wrong.append(f"{pack.name}: {key} is told and should not be")
        for key in expected.keys() & told.keys():
            for name, value in expected[key].items():
                compared += 1
                found = read(told[key][name], name)
                if not same(found, value):
                    wrong.append(f"{pack.name}: {key} {name}: {found} is told, {value} is right")
        compared += incidents(year, json.loads((pack / "pack.json").read_text()), ends, number, wrong)
    print(f"{compared} numbers compared, {len(wrong)} wrong")
    for line in wrong[:40]:
        print(line)
    sys.exit(1 if wrong else 0)


def incidents(year, pack, ends, number, wrong):
    """Incidents by severity and quarter, as they were known at the end of the pack's period."""
    table = next(table for section in pack["sections"] for table in section["tables"] if table["id"] == "incidents-by-period")
    names = [column["name"] for column in table["columns"]]
    known_at = year.last("tracker", ends[number] - 1)
    compared = 0
    for row in table["rows"]:
        told = dict(zip(names, row["cells"]))
        begin = start_of(told["begins"])
        if begin < ends[0]:
            continue
        end = ends[ends.index(begin) + 1]
        mine = [i for i in year.events["incidents"] if i["severity"] == told["severity"] and i["opened_at"] <= known_at]
        ended = [i for i in mine if i["resolved_at"] is not None and i["resolved_at"] <= known_at]
        closed = [i["resolved_at"] - i["opened_at"] for i in ended if begin <= i["resolved_at"] < end]
        still = [i for i in mine if i["opened_at"] < end and not (i in ended and i["resolved_at"] < end)]
        right = {
            "opened": sum(begin <= i["opened_at"] < end for i in mine),
            "closed": len(closed),
            "open_at_end": len(still),
            "mean_seconds": sum(closed) / len(closed) if closed else None,
        }
        for name, value in right.items():
            compared += 1
            if not same(float(told[name]) if told[name] is not None else None, value):
                wrong.append(f"{pack['header']['period']['name']}: incidents {told['severity']} of {told['begins']} {name}: {told[name]} is told, {value} is right")
    return compared


main()
