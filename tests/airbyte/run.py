"""Real manifests, unchanged, against an API made from each: `run.py TIDEGATE FOLDER [--all] [--only NAME] [--keep]`.

Of the manifests of a folder that can be run, the first by name is taken of each combination of paginator, authenticator,
partition routers and cursor that occurs, until every combination is there; with `--all` all of them. Each is run once by
`tidegate run --once` through a file of `kind = "airbyte"`; every record of every stream must be in the lake, once. A line
for each manifest, and a total; fails where a record is missing."""

import argparse
import collections
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import tomllib
import urllib.parse

import pyarrow.parquet

from manifest import config_of, load, shapes, streams
from records import MARK
from server import World, serve

TIMEOUT = 180


def manifests(folder):
    """All manifests: the name in the report (the path below the folder, that of its own folder for a `manifest.yaml`), a
    short one, the path."""
    for path in sorted(folder.rglob("*.y*ml")):
        whole = path.name == "manifest.yaml"
        told = (path.parent if whole else path).relative_to(folder)
        yield "" if told == pathlib.Path() else str(told), path.parent.name if whole else path.stem, path


def chosen(folder, binary, everything, only):
    """The manifests to run, each with the combinations it stands for; those that are refused are left out."""
    report = json.loads(subprocess.run([binary, "import", "airbyte", "--report", folder, "--json"], capture_output=True, check=True).stdout)
    runnable = {one["name"] for one in report["verdicts"] if one["runnable"]}
    seen, found = set(), []
    for told, name, path in manifests(folder):
        if told not in runnable or only and name not in only:
            continue
        # No API with asynchronous jobs is made.
        if "AsyncRetriever" in path.read_text():
            continue
        manifest = load(path)
        config = given(path) or config_of(manifest)
        new = shapes(manifest, config) - seen
        if new or everything:
            seen |= new
            found.append((name, path, manifest, config, len(new)))
    return found, len(seen)


def given(path):
    """A config beside a manifest, where there is one."""
    own = path.with_suffix(".config.json")
    return json.loads(own.read_text()) if own.is_file() else None


def here(url, base):
    """An address as one of the API here: its host is the first part of the path."""
    split = urllib.parse.urlsplit(url)
    return f"{base}/{split.netloc}{split.path}".rstrip("/")


def overlay(native, base):
    """What the pipeline file says besides the manifest: the same addresses, here."""
    out = []

    def credentials(auth, table):
        if "access_token_url" in auth:
            out.append(f"[{table}.auth]\naccess_token_url = {json.dumps(base + '/_token')}")
        if "login" in auth:
            path = [part.strip("'[]") for part in auth.get("token_path", "$.token").removeprefix("$").replace("['", ".").split(".") if part]
            out.append(f"[{table}.auth.login]\npath = {json.dumps(base + '/_login/' + '/'.join(path))}")

    source = native["source"]
    out.append(f"base_url = {json.dumps(here(source['base_url'], base))}")
    credentials(source.get("auth", {}), "source")
    out.append("[source.limits]\nwindows = []\nattempts = 1\npages = 200\ncolumns = 20000")
    for stream in native["streams"]:
        out.append(f"[[streams]]\nname = {json.dumps(stream['name'])}")
        if "base_url" in stream:
            out.append(f"base_url = {json.dumps(here(stream['base_url'], base))}")
        credentials(stream.get("auth", {}), "streams")
    return "\n".join(out)


def marks(lake, table):
    """The marks of all rows of a table."""
    found = collections.Counter()
    for path in sorted((lake / table).rglob("*.parquet")):
        file = pyarrow.parquet.ParquetFile(path)
        if MARK in file.schema_arrow.names:
            found.update(file.read(columns=[MARK]).column(0).to_pylist())
    return found


def run(binary, path, manifest, config, folder):
    """Runs one manifest: streams, records, requests, and what is wrong."""
    tidegate = lambda *args: subprocess.run([binary, *args], cwd=folder, capture_output=True, text=True, timeout=TIMEOUT, stdin=subprocess.DEVNULL)
    (folder / "manifest.yaml").write_bytes(path.read_bytes())
    (folder / "config.json").write_text(json.dumps(config))
    args = ["import", "airbyte", "manifest.yaml", "--config", "config.json", "--name", "manifest", "--out", "imported.toml", "--force"]
    translated = tidegate(*args, "--translation")
    if translated.returncode:
        return 0, 0, 0, [f"refused: {translated.stderr.strip()[:400]}"]
    native = tomllib.loads(translated.stdout)
    names = {one["stream"]: one["name"] for one in json.loads(tidegate(*args, "--json").stdout)["streams"]}
    world = World(streams(manifest, config), config)
    world.fill()
    with serve(world) as base:
        head = 'name = "manifest"\nstaging = "file:./staging"\nlake = "file:./lake"\n[source]\nkind = "airbyte"\nmanifest = "manifest.yaml"\nconfig = "config.json"\n'
        (folder / "tidegate.toml").write_text(head + overlay(native, base))
        ran = tidegate("run", "--once")
        (folder / "run.log").write_text(ran.stdout + ran.stderr)
    wrong = list(dict.fromkeys(world.problems))[:5]
    if ran.returncode:
        wrong.append(f"exit code {ran.returncode}: {ran.stderr.strip()[-600:]}")
    records = 0
    for stream in native["streams"]:
        expected = collections.Counter(world.streams[names[stream["name"]]].kept())
        arrived = marks(folder / "lake", stream["name"])
        records += len(expected)
        # What several partitions share may have come for each of them, or once.
        shared = len(expected) < sum(expected.values())
        if expected != arrived and not (shared and set(expected) == set(arrived)):
            missing, more = expected - arrived, arrived - expected
            example = next(iter(missing or more))
            wrong.append(f"{names[stream['name']]}: {sum(expected.values())} records, {sum(missing.values())} are missing, {sum(more.values())} too many, such as {example}")
    return len(native["streams"]), records, world.asked, wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("folder", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--all", action="store_true", help="every manifest that can be run")
    parser.add_argument("--only", action="append", help="these alone")
    parser.add_argument("--keep", type=pathlib.Path, help="leave files, stores and messages here")
    options = parser.parse_args()
    found, kinds = chosen(options.folder, options.binary, options.all or options.only, options.only)
    right = rows = 0
    for name, path, manifest, config, new in found:
        with tempfile.TemporaryDirectory() as folder:
            if options.keep:
                folder = options.keep / name
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(parents=True)
            try:
                count, records, asked, wrong = run(options.binary, path, manifest, config, pathlib.Path(folder))
            except Exception as error:  # noqa: BLE001 - one manifest that cannot be simulated is one line
                count = records = asked = 0
                wrong = [f"cannot be simulated: {type(error).__name__}: {error}"]
        right += not wrong
        rows += records if not wrong else 0
        print(f"{'ok    ' if not wrong else 'FAILED'} {name:<34} {new:>2} new of the kinds, {count:>3} streams, {records:>6} records, {asked:>5} requests", flush=True)
        for line in wrong:
            print("       " + line.replace("\n", "\n       "), flush=True)
    print(f"{right} of {len(found)} manifests: every record of every stream arrived, {rows} in all; {kinds} combinations of paginator, authenticator, routers and cursor")
    print(f"counted: {right} passed, {len(found) - right} failed, 0 skipped")
    return 0 if right == len(found) and found else 1


if __name__ == "__main__":
    sys.exit(main())
