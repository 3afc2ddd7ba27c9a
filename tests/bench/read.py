"""read.py RUNS OURS THEIRS: DuckDB's time for a few queries over each of two directories of the same rows, in turn.

Prints a Markdown table: medians in milliseconds. Both must give the same answers.
"""

import glob
import statistics
import sys
import time

import duckdb

QUERIES = [
    ("one column of all rows", "SELECT round(avg(main.temp), 6), max(main.temp) FROM {}"),
    ("one of 24 partitions", "SELECT count(*), round(avg(wind.speed), 6) FROM {} WHERE hour::INT = 7"),
    ("ten minutes by the event time", "SELECT count(*), sum(location_id) FROM {} WHERE event_time::VARCHAR BETWEEN '2024-03-15 07:10' AND '2024-03-15 07:20'"),
    ("grouped by a text", "SELECT city, count(*), round(avg(uvi), 6) FROM {} GROUP BY city ORDER BY city"),
    ("one text that is there once", "SELECT location_id, city FROM {} WHERE event_id LIKE '%-00012345'"),
    ("lists unpacked", "SELECT round(sum(t), 1) FROM (SELECT unnest(hourly_temp) AS t FROM {})"),
    ("every column", "SELECT count(COLUMNS(*)) FROM {}"),
]  # fmt: skip


def source(directory):
    files = sorted(file for file in glob.glob(f"{directory}/**/*.parquet", recursive=True) if "/_" not in file[len(directory) :])
    return f"read_parquet({files!r}, hive_partitioning=true)"


def main():
    runs, sides = int(sys.argv[1]), [source(directory) for directory in sys.argv[2:4]]
    connection = duckdb.connect()
    connection.execute("SET TimeZone='UTC'")
    print("| query | tidegate's files ms | DuckDB's own ms | ratio |\n|---|---|---|---|")
    for name, query in QUERIES:
        times, answers = ([], []), []
        for turn in range(max(runs, 3)):
            for side, files in enumerate(sides):
                start = time.monotonic()
                answer = connection.execute(query.format(files)).fetchall()
                times[side].append((time.monotonic() - start) * 1000)
                if turn == 0:
                    answers.append(answer)
        if answers[0] != answers[1]:
            sys.exit(f"{name}: {answers[0][:3]} is not {answers[1][:3]}")
        ours, theirs = map(statistics.median, times)
        print(f"| {name} | {ours:.1f} | {theirs:.1f} | {ours / theirs:.2f} |")


main()
