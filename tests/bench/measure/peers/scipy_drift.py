"""PSI, Kolmogorov-Smirnov, Wasserstein and Jensen-Shannon of numeric columns, PSI, Jensen-Shannon and chi-squared of text, by numpy and scipy."""

import json
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy import stats
from scipy.spatial.distance import jensenshannon


def psi(reference, current):
    p, q = (np.maximum(counts / counts.sum(), 1e-4) for counts in (reference, current))
    return float(np.sum((q - p) * np.log(q / p)))


def numeric(a, b):
    a, b = a[~np.isnan(a)], b[~np.isnan(b)]
    edges = np.unique(np.quantile(a, np.linspace(0, 1, 11))[1:-1])
    deciles = [np.bincount(np.searchsorted(edges, x, side="left"), minlength=len(edges) + 1) for x in (a, b)]
    span = (min(a.min(), b.min()), max(a.max(), b.max()))
    widths = [np.histogram(x, 30, span)[0] for x in (a, b)]
    ks = stats.ks_2samp(a, b, method="asymp")
    return [psi(*deciles), ks.statistic, ks.pvalue, stats.wasserstein_distance(a, b), jensenshannon(*widths, 2)]


def categorical(a, b):
    tables = [{item["values"]: item["counts"] for item in x.value_counts().to_pylist()} for x in (a, b)]
    names = sorted(set().union(*tables))
    counts = [np.array([table.get(name, 0) for name in names], float) for table in tables]
    return [psi(*counts), jensenshannon(*counts, 2), stats.chi2_contingency(np.stack(counts), correction=False)[0]]


reference, current = (pq.read_table(path) for path in sys.argv[1:3])
answer = {}
for field in reference.schema:
    a, b = reference[field.name], current[field.name]
    values = categorical(a, b) if pa.types.is_string(field.type) else numeric(a.to_numpy(), b.to_numpy())
    answer[field.name] = [float(value) for value in values]
json.dump(answer, sys.stdout)
