"""check.py SHAPE FACTS OUT GRAIN: does the Parquet below OUT hold exactly the rows that were generated?

FACTS holds lines `name value`: aggregates over all rows, and `partition year=…/…/hour=… rows` for each hour or minute.
Prints `checked ok=true files=… bytes=… query=…`, the last the seconds that DuckDB takes to read four columns of it; each
difference before that, in a line of its own.
"""

import glob
import os
import sys
import time

import duckdb

shape, facts, out, grain = sys.argv[1:]
EVENTS = {
    "rows": "count(*)", "sum_location_id": "sum(location_id)", "sum_temp": "sum(round(main.temp * 100)::BIGINT)",
    "sum_pressure": "sum(main.pressure)", "sum_weather": "sum(len(weather))",
    "sum_hourly_temp": "sum(round(list_sum(hourly_temp) * 10)::BIGINT)", "gusts": "count(wind.gust)",
    "notes": "count(note)", "ids": "count(DISTINCT event_id)", "visibilities": "count(visibility)",
}  # fmt: skip
DOCUMENTS = {
    "rows": "count(*)", "sum_location_id": "sum(location_id)",
    "sum_temp": "sum(round(\"current\".temperature_2m * 10)::BIGINT)",
    "sum_hourly_temp": "sum(round(list_sum(hourly.temperature_2m) * 10)::BIGINT)",
    "ids": "count(DISTINCT location_id)",
}  # fmt: skip
AGGREGATES = EVENTS if shape == "events" else DOCUMENTS
PARTS = ["year", "month", "day", "hour"] + (["minute"] if grain == "minute" else [])

expected, partitions = {}, {}
with open(facts, encoding="utf-8") as lines:
    for line in lines:
        name, *rest = line.split()
        if name == "partition":
            if (rest[0].count("/") == 4) == (grain == "minute"):
                partitions[rest[0]] = int(rest[1])
        else:
            expected[name] = int(rest[0])

files = [file for file in glob.glob(f"{out}/**/*.parquet", recursive=True) if "/_" not in file[len(out) :]]
source = f"read_parquet({files!r}, hive_partitioning=true, union_by_name=true)"
connection = duckdb.connect()
connection.execute("SET TimeZone='UTC'")
wrong = []


def differs(what, found, wanted):
    if found != wanted:
        wrong.append(f"{what}: found {found}, wanted {wanted}")


row = connection.execute(f"SELECT {', '.join(AGGREGATES.values())} FROM {source}").fetchone()
for name, found in zip(AGGREGATES, row):
    differs(name, found, expected[name])
keys = ", ".join(f"{part}::INT" for part in PARTS)
counts = connection.execute(f"SELECT {keys}, count(*) FROM {source} GROUP BY ALL").fetchall()
spelled = {"/".join(f"{part}={value:02}" for part, value in zip(PARTS, row)): row[-1] for row in counts}
differs("partitions", len(spelled), len(partitions))
for path, rows in partitions.items():
    differs(path, spelled.get(path, 0), rows)
TIME = "event_time" if shape == "events" else '"current".time'
if connection.execute(f"SELECT typeof({TIME}) FROM {source} LIMIT 1").fetchone()[0] == "VARCHAR":
    TIME = f"strptime({TIME}, '%Y-%m-%dT%H:%M')"  # a tool may leave the time as it came
own = " OR ".join(f"{part}({TIME}) <> {part}::INT" for part in PARTS)
differs("rows in another's partition", connection.execute(f"SELECT count(*) FROM {source} WHERE {own}").fetchone()[0], 0)

print("\n".join(wrong[:10]))
if shape == "events":
    query = f"SELECT city, avg(main.temp), max(wind.gust), count(*) FROM {source} WHERE hour::INT < 12 GROUP BY city"
else:
    query = f"SELECT avg(\"current\".temperature_2m), max(elevation) FROM {source} WHERE hour::INT < 12"
times = []
for _ in range(3):
    start = time.monotonic()
    connection.execute(query).fetchall()
    times.append(time.monotonic() - start)
size = sum(map(os.path.getsize, files))
print(f"checked ok={str(not wrong).lower()} files={len(files)} bytes={size} query={sorted(times)[1]:.4f}")
