"""Evidently's drift preset with its defaults."""

import json
import sys

import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset

reference, current = (pd.read_parquet(path) for path in sys.argv[1:3])
snapshot = Report([DataDriftPreset()]).run(current, reference)
json.dump({metric["metric_id"] if "metric_id" in metric else str(i): str(metric["value"]) for i, metric in enumerate(snapshot.dict()["metrics"])}, sys.stdout)
