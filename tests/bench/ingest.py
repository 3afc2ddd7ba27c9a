"""ingest.py TOOL JOB URL OUT PAGES: reads the bench's API with one of the others, each in its usual way.

TOOL: dlt (rest_api source into a directory of Parquet), airbyte (a declarative manifest, records to JSON lines, as it has
no destination of its own), aiohttp (the script that one would write by hand: 20 requests in flight, JSON lines, Parquet).
JOB: page (by page number, to the end), fanout (1,000 locations, one request each).
"""

import asyncio
import json
import os
import subprocess
import sys

TOOL, JOB, URL, OUT, PAGES = sys.argv[1:6]
LOCATIONS = 1000
CONCURRENCY = 20


def dlt():
    os.environ.update(
        DLT_DATA_DIR=OUT + "/_dlt",
        RUNTIME__DLTHUB_TELEMETRY="false",
        RUNTIME__LOG_LEVEL="ERROR",
        EXTRACT__WORKERS=str(CONCURRENCY),
        NORMALIZE__WORKERS="2",
    )
    import dlt
    from dlt.sources.rest_api import rest_api_source

    flat = {"name": "records", "max_table_nesting": 0}
    if JOB == "page":
        pages = {"type": "page_number", "base_page": 1, "total_path": "total_pages"}
        resources = [{**flat, "endpoint": {"path": "records", "data_selector": "data", "paginator": pages}}]
    else:
        locations = dlt.resource([[{"id": i}] for i in range(LOCATIONS)], name="locations", selected=False)
        params = {"location": "{resources.locations.id}"}
        endpoint = {"path": "weather", "params": params, "data_selector": "$", "paginator": "single_page"}
        resources = [locations, {**flat, "parallelized": True, "endpoint": endpoint}]
    source = rest_api_source({"client": {"base_url": URL}, "resources": resources})
    target = dlt.destinations.filesystem(bucket_url="file://" + OUT)
    pipeline = dlt.pipeline("bench", pipelines_dir=OUT + "/_pipelines", dataset_name="bench", destination=target)
    pipeline.run(source, loader_file_format="parquet")


def airbyte():
    by_page = {
        "type": "DefaultPaginator",
        "page_token_option": {"type": "RequestOption", "inject_into": "request_parameter", "field_name": "page"},
        "pagination_strategy": {"type": "PageIncrement", "page_size": 100, "start_from_page": 1, "inject_on_first_request": True},
    }
    # It ends at a page that is not full; the one behind the last is a 404.
    end = {"type": "HttpResponseFilter", "action": "IGNORE", "http_codes": [404]}
    requester = {
        "type": "HttpRequester",
        "url_base": URL,
        "path": "/records",
        "http_method": "GET",
        "error_handler": {"type": "DefaultErrorHandler", "response_filters": [end]},
    }
    schema = {"type": "object", "additionalProperties": True, "properties": {}}
    extractor = {"type": "DpathExtractor", "field_path": ["data"]}
    retriever = {
        "type": "SimpleRetriever",
        "requester": requester,
        "paginator": by_page,
        "record_selector": {"type": "RecordSelector", "extractor": extractor},
    }
    stream = {
        "type": "DeclarativeStream",
        "name": "records",
        "primary_key": [],
        "retriever": retriever,
        "schema_loader": {"type": "InlineSchemaLoader", "schema": schema},
    }
    empty = {"type": "object", "properties": {}, "additionalProperties": True}
    manifest = {
        "version": "6.0.0",
        "type": "DeclarativeSource",
        "check": {"type": "CheckStream", "stream_names": ["records"]},
        "streams": [stream],
        "spec": {"type": "Spec", "connection_specification": empty},
    }
    catalog = {
        "stream": {"name": "records", "json_schema": schema, "supported_sync_modes": ["full_refresh"]},
        "sync_mode": "full_refresh",
        "destination_sync_mode": "append",
    }
    with open(OUT + "/config.json", "w") as file:
        json.dump({"__injected_declarative_manifest": manifest}, file)
    with open(OUT + "/catalog.json", "w") as file:
        json.dump({"streams": [catalog]}, file)
    program = os.path.join(os.path.dirname(sys.executable), "source-declarative-manifest")
    words = ["read", "--config", OUT + "/config.json", "--catalog", OUT + "/catalog.json"]
    with open(OUT + "/records.jsonl", "wb") as file:
        subprocess.run([program, *words], stdout=file, check=True)


def aiohttp():
    import aiohttp
    import orjson
    import pyarrow.json
    import pyarrow.parquet
    import uvloop

    async def read():
        paths = (f"/records?page={n}" for n in range(1, int(PAGES) + 1))
        if JOB == "fanout":
            paths = (f"/weather?location={n}" for n in range(LOCATIONS))
        limit = aiohttp.TCPConnector(limit=CONCURRENCY)
        async with aiohttp.ClientSession(URL, connector=limit) as session:

            async def worker():
                for path in paths:
                    async with session.get(path) as answer:
                        page = orjson.loads(await answer.read())
                    for record in page["data"] if JOB == "page" else [page]:
                        file.write(orjson.dumps(record) + b"\n")

            await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))

    with open(OUT + "/records.jsonl", "wb") as file:
        uvloop.run(read())
    table = pyarrow.json.read_json(OUT + "/records.jsonl")
    pyarrow.parquet.write_table(table, OUT + "/records.parquet", compression="zstd", compression_level=1)


{"dlt": dlt, "airbyte": airbyte, "aiohttp": aiohttp}[TOOL]()
