"""start.py TIDEGATE: how long the command line takes to start, and what an idle `run` keeps in memory.

Prints `start` (milliseconds from the call to the end of `tidegate check` of a pipeline file, median of 21) and `idle`
(MiB, the largest resident set of a `run` that has polled once and waits).
"""

import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from loopback import answer, serve  # noqa: E402

PIPELINE = """name = "idle"
[source]
base_url = "{url}"
[[streams]]
name = "items"
path = "/items"
cadence = {{ every = "1h" }}
"""


def largest(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024


def main():
    binary = sys.argv[1]
    with tempfile.TemporaryDirectory() as directory, serve(lambda *_: answer([{"id": 1, "value": 2.5}])) as url:
        place = pathlib.Path(directory)
        (place / "tidegate.toml").write_text(PIPELINE.format(url=url))
        took = []
        for _ in range(21):
            start = time.monotonic()
            subprocess.run([binary, "check"], cwd=place, check=True, stdout=subprocess.DEVNULL)
            took.append((time.monotonic() - start) * 1000)
        run = subprocess.Popen([binary, "run"], cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while not list(place.glob("lake/items/**/*.parquet")) and time.monotonic() < deadline and run.poll() is None:
            time.sleep(0.1)
        time.sleep(2)
        landed = bool(list(place.glob("lake/items/**/*.parquet")))
        idle = largest(run.pid) if run.poll() is None else 0.0
        run.terminate()
        run.wait()
    if not landed or not idle:
        sys.exit("the run ended or landed nothing")
    print(f"measured start={statistics.median(took):.1f} idle={idle:.1f}")


main()
