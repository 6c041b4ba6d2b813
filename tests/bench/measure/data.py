"""Two windows of ten features and a table of scored people, as Parquet; the same rows on every machine. Usage: data.py ROWS FOLDER

Seven numeric columns (normal, log-normal, uniform, exponential, whole numbers with many ties, two decimals, heavy tails with 2 to 3 % NaN), three
of text (5, 50 and 3 values). The current window is a little off the reference: 0.05 standard deviations, other shares.
"""

import os
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROWS_AT_ONCE = 1_000_000


def text(random, rows, names, shares):
    shares = np.asarray(shares, float) / np.sum(shares)
    keys = np.minimum(np.searchsorted(np.cumsum(shares), random.random(rows), side="right"), len(names) - 1)
    return pa.DictionaryArray.from_arrays(pa.array(keys.astype(np.int32)), pa.array(names)).cast(pa.string())


def features(random, rows, is_current):
    def shifted(reference, current):
        return current if is_current else reference

    heavy = random.standard_t(5, rows)
    heavy[random.random(rows) < shifted(0.02, 0.03)] = np.nan
    return pa.table({
        "n1": random.normal(shifted(0.0, 0.05), 1.0, rows),
        "n2": random.lognormal(shifted(0.0, 0.1), shifted(1.0, 1.05), rows),
        "n3": random.random(rows),
        "n4": random.exponential(2.0, rows),
        "n5": random.poisson(shifted(4.0, 4.3), rows).astype(np.int64),
        "n6": np.round(random.gamma(2.0, shifted(10.0, 10.5), rows), 2),
        "n7": heavy,
        "c1": text(random, rows, list("ABCDE"), shifted([40, 30, 15, 10, 5], [36, 30, 17, 11, 6])),
        "c2": text(random, rows, [f"city_{i:02}" for i in range(50)], 1 / np.arange(1, 51) ** shifted(1.0, 1.05)),
        "c3": text(random, rows, ["low", "mid", "high"], [6, 3, 1]),
    })


def people(random, rows):
    sex = random.random(rows) < 0.45
    group = np.searchsorted([0.6, 0.75, 0.88, 0.95], random.random(rows), side="right")
    label = random.random(rows) < 0.35 - 0.08 * sex - 0.02 * group
    score = 1 / (1 + np.exp(-(random.normal(0, 1, rows) + 2.2 * label - 1.4 - 0.3 * sex - 0.1 * group)))
    names = pa.array([f"r{i}" for i in range(5)])
    return pa.table({
        "y_true": label.astype(np.int8),
        "y_pred": (score > 0.5).astype(np.int8),
        "score": score,
        "sex": pa.DictionaryArray.from_arrays(pa.array(sex.astype(np.int32)), pa.array(["M", "F"])).cast(pa.string()),
        "race": pa.DictionaryArray.from_arrays(pa.array(group.astype(np.int32)), names).cast(pa.string()),
    })


def write(path, rows, seed, make):
    if os.path.exists(path):
        return
    random, writer = np.random.default_rng(seed), None
    for start in range(0, rows, ROWS_AT_ONCE):
        table = make(random, min(ROWS_AT_ONCE, rows - start))
        writer = writer or pq.ParquetWriter(path + ".part", table.schema, compression="snappy")
        writer.write_table(table)
    writer.close()
    os.rename(path + ".part", path)


if __name__ == "__main__":
    rows, folder = int(sys.argv[1]), sys.argv[2]
    write(f"{folder}/reference-{rows}.parquet", rows, 1, lambda random, n: features(random, n, False))
    write(f"{folder}/current-{rows}.parquet", rows, 2, lambda random, n: features(random, n, True))
    write(f"{folder}/people-{rows}.parquet", rows, 3, people)
