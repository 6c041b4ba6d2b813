"""PSI of every column by polars: deciles of the reference for numbers, counts for text."""

import json
import sys

import numpy as np
import polars as pl


def psi(reference, current):
    p, q = (np.maximum(counts / counts.sum(), 1e-4) for counts in (reference, current))
    return float(np.sum((q - p) * np.log(q / p)))


def numeric(a, b):
    a, b = (column.cast(pl.Float64).drop_nans().drop_nulls() for column in (a, b))
    edges = np.unique([a.quantile(i / 10, interpolation="linear") for i in range(1, 10)])
    return psi(*(np.bincount(pl.Series(edges).search_sorted(column, side="left").to_numpy(), minlength=len(edges) + 1) for column in (a, b)))


def categorical(a, b):
    tables = [dict(column.value_counts().iter_rows()) for column in (a, b)]
    names = sorted(set().union(*tables))
    return psi(*(np.array([table.get(name, 0) for name in names], float) for table in tables))


reference, current = (pl.read_parquet(path) for path in sys.argv[1:3])
answer = {column.name: (categorical if column.dtype == pl.String else numeric)(column, current[column.name]) for column in reference}
json.dump(answer, sys.stdout)
