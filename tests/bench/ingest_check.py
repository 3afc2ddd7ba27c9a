"""ingest_check.py TOOL JOB OUT RECORDS: is every record that was served in the output, once?"""

import glob
import json
import sys

import pyarrow.parquet as pq

tool, job, out, wanted = sys.argv[1:5]
key = "id" if job == "page" else "location"
if tool == "airbyte":
    lines = (json.loads(line) for line in open(out + "/records.jsonl", "rb"))
    ids = [line["record"]["data"][key] for line in lines if line["type"] == "RECORD"]
else:
    inside = {"tidegate": "/lake/records/**/*.parquet", "dlt": "/**/records/*.parquet", "aiohttp": "/records.parquet"}
    files = [file for file in glob.glob(out + inside[tool], recursive=True) if "/_" not in file[len(out) :]]
    ids = [value for file in files for value in pq.ParquetFile(file).read(columns=[key])[key].to_pylist()]
found, distinct, total = len(ids), len(set(ids)), sum(ids)
expected = int(wanted)
ok = found == distinct == expected and total == expected * (expected - 1) // 2
print(f"{found} records, {distinct} of them distinct, {expected} were served")
sys.exit(0 if ok else 1)
