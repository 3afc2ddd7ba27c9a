"""start.py TIDEGATE: how long the command line takes to start, and what an idle `run` keeps in memory.

Prints `start` (milliseconds from the call to the end of `tidegate check` of a pipeline file, median of 21) and `idle`
(MiB, the largest resident set of a `run` that has polled once and waits).
"""

import http.server
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time

PIPELINE = """name = "idle"
[source]
base_url = "http://127.0.0.1:{port}"
[[streams]]
name = "items"
path = "/items"
cadence = {{ every = "1h" }}
"""


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b'[{"id": 1, "value": 2.5}]'
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def largest(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024


def main():
    binary = sys.argv[1]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as directory:
        place = pathlib.Path(directory)
        (place / "tidegate.toml").write_text(PIPELINE.format(port=server.server_port))
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
