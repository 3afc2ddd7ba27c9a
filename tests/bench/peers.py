"""peers.py TOOL SHAPE FILES OUT GRAIN: one tool does the partition job of `cargo xtask bench partition`, its fastest way.

TOOL is duckdb, polars, pyarrow or datafusion; SHAPE events (NDJSON) or documents (one a file); FILES a path or a pattern;
OUT an empty directory; GRAIN hour or minute. The schema is given to each tool, threads are as many as cores, Parquet is
zstd level 1, partitions are Hive's year=/month=/day=/hour=[/minute=] of the event time.

peers.py versions: prints the versions of all tools.
"""

import glob
import os
import sys

S, I, D, B, T = "text", "integer", "double", "boolean", "time"
EVENTS = {
    "event_id": S, "event_time": T, "ingested_at": I, "location_id": I, "city": S, "country": S,
    "coord": {"lat": D, "lon": D}, "timezone": S, "source": S, "station": S, "elevation": D,
    "main": {"temp": D, "feels_like": D, "pressure": I, "humidity": I, "dew_point": D},
    "wind": {"speed": D, "deg": I, "gust": D}, "weather": [{"id": I, "main": S, "description": S, "icon": S}],
    "hourly_temp": [D], "clouds": I, "visibility": I, "pop": D, "uvi": D, "is_day": B, "note": S,
}  # fmt: skip
UNITS = {"time": S, "temperature_2m": S, "relative_humidity_2m": S, "precipitation": S, "wind_speed_10m": S}
DOCUMENTS = {
    "latitude": D, "longitude": D, "generationtime_ms": D, "utc_offset_seconds": I, "timezone": S,
    "timezone_abbreviation": S, "elevation": D, "location_id": I,
    "current_units": {"time": S, "interval": S, "temperature_2m": S, "relative_humidity_2m": S, "weather_code": S, "wind_speed_10m": S},
    "current": {"time": S, "interval": I, "temperature_2m": D, "relative_humidity_2m": I, "is_day": I, "weather_code": I, "wind_speed_10m": D},
    "hourly_units": UNITS,
    "hourly": {"time": [S], "temperature_2m": [D], "relative_humidity_2m": [I], "precipitation": [D], "wind_speed_10m": [D]},
}  # fmt: skip
SCHEMAS = {"events": EVENTS, "documents": DOCUMENTS}
CORES = os.cpu_count() or 1


def duckdb_type(kind):
    if isinstance(kind, dict):
        return "STRUCT(" + ", ".join(f"{name} {duckdb_type(inner)}" for name, inner in kind.items()) + ")"
    if isinstance(kind, list):
        return duckdb_type(kind[0]) + "[]"
    return {S: "VARCHAR", I: "BIGINT", D: "DOUBLE", B: "BOOLEAN", T: "TIMESTAMP"}[kind]


def duckdb(shape, files, out, parts):
    import duckdb

    columns = ", ".join(f"'{name}': '{duckdb_type(kind)}'" for name, kind in SCHEMAS[shape].items())
    form, time = "newline_delimited", "event_time"
    if shape == "documents":
        form, time = "unstructured", "strptime(\"current\".time, '%Y-%m-%dT%H:%M')"
    keys = ", ".join(f"{part}({time}) AS {part}" for part in parts)
    connection = duckdb.connect()
    connection.execute(f"SET threads={CORES}")
    connection.execute(
        f"COPY (SELECT *, {keys} FROM read_json('{files}', format='{form}', columns={{{columns}}})) TO '{out}' "
        f"(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, PARTITION_BY ({', '.join(parts)}), OVERWRITE_OR_IGNORE)"
    )


def polars_type(kind):
    import polars

    if isinstance(kind, dict):
        return polars.Struct({name: polars_type(inner) for name, inner in kind.items()})
    if isinstance(kind, list):
        return polars.List(polars_type(kind[0]))
    return {S: polars.String, I: polars.Int64, D: polars.Float64, B: polars.Boolean, T: polars.String}[kind]


def polars(shape, files, out, parts):
    import polars

    frame = polars.scan_ndjson(files, schema={name: polars_type(kind) for name, kind in SCHEMAS[shape].items()})
    if shape == "documents":
        time = polars.col("current").struct.field("time").str.to_datetime("%Y-%m-%dT%H:%M", time_unit="ms")
    else:
        time = polars.col("event_time")
        frame = frame.with_columns(time.str.to_datetime("%Y-%m-%dT%H:%M:%S%.3fZ", time_unit="ms", time_zone="UTC"))
    frame = frame.with_columns([getattr(time.dt, part)().alias(part) for part in parts])
    target = polars.PartitionBy(out, key=parts, include_key=False, approximate_bytes_per_file=None)
    frame.sink_parquet(target, compression="zstd", compression_level=1, mkdir=True, maintain_order=False)


def arrow_type(kind):
    import pyarrow

    if isinstance(kind, dict):
        return pyarrow.struct([(name, arrow_type(inner)) for name, inner in kind.items()])
    if isinstance(kind, list):
        return pyarrow.list_(arrow_type(kind[0]))
    time = pyarrow.timestamp("ms", tz="UTC")
    return {S: pyarrow.string(), I: pyarrow.int64(), D: pyarrow.float64(), B: pyarrow.bool_(), T: time}[kind]


def arrow_schema(shape):
    import pyarrow

    return pyarrow.schema([(name, arrow_type(kind)) for name, kind in SCHEMAS[shape].items()])


def pyarrow(shape, files, out, parts):
    import pyarrow
    import pyarrow.compute as compute
    import pyarrow.dataset as dataset
    import pyarrow.json as json

    pyarrow.set_cpu_count(CORES)
    schema = arrow_schema(shape)
    parse = json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    read = json.ReadOptions(block_size=4 << 20)
    if shape == "documents":  # a dataset of files that do not end in a newline comes back as nulls: joined by hand
        joined = b"\n".join(open(file, "rb").read() for file in sorted(glob.glob(files))) + b"\n"
        source = dataset.dataset(json.read_json(pyarrow.BufferReader(joined), read_options=read, parse_options=parse))
        time = compute.strptime(dataset.field("current", "time"), "%Y-%m-%dT%H:%M", "s")
    else:
        form = dataset.JsonFileFormat(read_options=read, parse_options=parse)
        source = dataset.dataset([files], format=form, schema=schema)
        time = dataset.field("event_time")
    columns = {name: dataset.field(name) for name in source.schema.names}
    columns |= {part: getattr(compute, part)(time) for part in parts}
    form = dataset.ParquetFileFormat()
    dataset.write_dataset(
        source.scanner(columns=columns, use_threads=True),
        out,
        format=form,
        partitioning=dataset.partitioning(pyarrow.schema([(part, pyarrow.int64()) for part in parts]), flavor="hive"),
        file_options=form.make_write_options(compression="zstd", compression_level=1),
        max_open_files=4096,
        max_partitions=4096,
        existing_data_behavior="overwrite_or_ignore",
    )


def datafusion(shape, files, out, parts):
    import datafusion

    context = datafusion.SessionContext(datafusion.SessionConfig().with_target_partitions(CORES))
    more = {}
    if files.endswith(".ndjson"):
        more = {"file_extension": ".ndjson"}
    if files.endswith(".gz"):
        more = {"file_extension": ".ndjson.gz", "file_compression_type": "gzip"}
    source = os.path.dirname(files) + "/" if shape == "documents" else files
    context.register_json("source", source, schema=arrow_schema(shape), **more)
    time = "event_time" if shape == "events" else "to_timestamp_seconds(\"current\"['time'], '%Y-%m-%dT%H:%M')"
    columns = ", ".join(f'"{name}"' for name in SCHEMAS[shape])
    keys = ", ".join(f"CAST(date_part('{part}', {time}) AS VARCHAR) AS {part}" for part in parts)
    context.sql(
        f"COPY (SELECT {columns}, {keys} FROM source) TO '{out}/' STORED AS PARQUET "
        f"PARTITIONED BY ({', '.join(parts)}) OPTIONS ('format.compression' 'zstd(1)')"
    ).collect()


TOOLS = {"duckdb": duckdb, "polars": polars, "pyarrow": pyarrow, "datafusion": datafusion}


def main():
    if sys.argv[1:] == ["versions"]:
        from importlib.metadata import version

        print(", ".join(f"{tool} {version(tool)}" for tool in TOOLS))
        return
    tool, shape, files, out, grain = sys.argv[1:]
    parts = ["year", "month", "day", "hour"] + (["minute"] if grain == "minute" else [])
    os.makedirs(out, exist_ok=True)
    TOOLS[tool](shape, files, out, parts)


main()
