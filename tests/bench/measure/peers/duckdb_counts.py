"""The one table of counts from which group metrics follow, by DuckDB."""

import json
import sys

import duckdb

connection = duckdb.connect()
connection.execute("set threads = 1")
rows = connection.execute("select sex, race, y_true, y_pred, count(*) from read_parquet(?) group by all", [sys.argv[1]]).fetchall()
json.dump({"counts": rows}, sys.stdout)
