"""What the evaluation benchmark printed at several sizes, as a table (Markdown) and a picture (SVG). Usage: plot.py OUT FOLDER SIZE..."""

import math
import re
import sys
from collections import defaultdict
from pathlib import Path

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "clause9"
import matplotlib.pyplot as plt  # noqa: E402

# What the benchmark calls a step, as it is called here, in which unit.
STEPS = {
    "database": ("database after its records", "MiB"),
    "peak memory": ("peak memory, the benchmark's records among it", "MiB"),
    "all": ("SQL of all indicators, one after the other", "ms"),
    "verified": ("verify", "ms"),
    "opened": ("start: store, projection compared, methods", "ms"),
    "everything, every reading new and stored": ("everything new, evaluated and stored", "ms"),
    "everything, nothing changed": ("everything, nothing changed", "ms"),
    "nothing touched or due": ("nothing touched or due", "ms"),
    "board and page from nothing": ("board and page from nothing", "ms"),
    "1,000 new incidents in 1,000 systems: all of it": ("1,000 incidents in 1,000 systems, commit to page", "ms"),
    "1,000 new incidents in one system: all of it": ("1,000 incidents in one system, commit to page", "ms"),
    "10 changed measurements: all of it": ("10 changed measurements, commit to page", "ms"),
}


def figures(text):
    """The median of each step's wall time; steps that are told once have one."""
    found = defaultdict(list)
    for line in text.splitlines():
        name = next((step for step in STEPS if re.match(re.escape(step) + r"\s", line)), None)
        if name:
            numbers = re.findall(r"(?<![\d+])\d+\.?\d*(?![\d+])", line[len(name) :])
            # Of wall and processor time, which stand last where both are told, the first.
            found[name].append(float(numbers[-2] if len(numbers) > 1 else numbers[-1]))
    return {name: sorted(values)[len(values) // 2] for name, values in found.items()}


def main():
    out, folder, sizes = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    told = [figures((folder / size).read_text()) for size in sizes]
    scales = [float(size) for size in sizes]
    header = " | ".join(f"{scale * 10_000:,.0f} systems" for scale in scales)
    rows = [f"| what | unit | {header} | exponent |", "|---|---|" + "---|" * (len(sizes) + 1)]
    figure, axes = plt.subplots(figsize=(10, 6.5))
    axes.set_prop_cycle(color=plt.get_cmap("tab20").colors)
    for step, (name, unit) in STEPS.items():
        values = [figure_of.get(step, math.nan) for figure_of in told]
        grew = math.log(values[-1] / values[-2]) / math.log(scales[-1] / scales[-2]) if len(sizes) > 1 and min(values[-2:]) > 0 else math.nan
        rows.append(f"| {name} | {unit} | " + " | ".join(f"{value:,.1f}" for value in values) + f" | {grew:.2f} |")
        axes.plot([scale * 10_000 for scale in scales], values, marker="o", label=f"{name} ({unit})", linestyle="--" if unit == "MiB" else "-")
    axes.set(xscale="log", yscale="log", xlabel="systems", ylabel="ms or MiB", title="What the agent's steps cost against the organisation's size")
    axes.grid(visible=True, which="major", alpha=0.4)
    axes.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1.01, 1))
    figure.savefig(out / "cost.svg", bbox_inches="tight", metadata={"Date": None})
    (out / "cost.md").write_text("\n".join(rows) + "\n")
    print("\n".join(rows))


main()
