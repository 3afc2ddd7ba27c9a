"""Lambda's runtime API and as much of S3 and Glue as the functions ask for, so that a release binary can be started, timed,
broken off and started again without an emulator."""

import hashlib
import http.server
import json
import os
import queue
import re
import subprocess
import threading
import time
import urllib.parse
import xml.sax.saxutils

STAGING, LAKE, CODE = "raw", "lake", "code"
# What starts programs that are not for this machine, such as qemu.
RUNNER = os.environ.get("TIDEGATE_RUNNER", "").split()


class Server(http.server.ThreadingHTTPServer):
    """A server on a free port of loopback, in a thread of its own."""

    daemon_threads = True

    def __init__(self, handler):
        super().__init__(("127.0.0.1", 0), handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self):
        return f"127.0.0.1:{self.server_address[1]}"

    def handle_error(self, *_):
        """A client that is killed is what these tests are about."""


class Handler(http.server.BaseHTTPRequestHandler):
    """Connections that last, answers that leave at once."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def body(self):
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()


class S3(Server):
    """Buckets in memory. `on_put` is called before each write, and may end the writer instead."""

    def __init__(self):
        self.objects, self.lock = {}, threading.Lock()
        self.calls, self.on_put = [], lambda bucket, key: True
        super().__init__(S3Handler)

    def put(self, bucket, key, body):
        self.objects[bucket, key] = body if isinstance(body, bytes) else body.encode()

    def keys(self, bucket, prefix=""):
        return sorted(key for where, key in self.objects if where == bucket and key.startswith(prefix))

    def count(self):
        """(writes and listings, reads) since the last count, as they are billed."""
        calls, self.calls = self.calls, []
        writes = sum(call in ("PUT", "POST", "LIST") for call in calls)
        return writes, sum(call in ("GET", "HEAD") for call in calls)


class S3Handler(Handler):
    """GET, HEAD, PUT (created once or not), DELETE, and listings with prefix, delimiter and start."""

    def place(self):
        url = urllib.parse.urlsplit(self.path)
        bucket, _, key = urllib.parse.unquote(url.path).lstrip("/").partition("/")
        return bucket, key, dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))

    def do_GET(self):
        bucket, key, query = self.place()
        if not key:
            self.server.calls.append("LIST")
            return self.listing(bucket, query)
        self.server.calls.append(self.command)
        body = self.server.objects.get((bucket, key))
        if body is None:
            return self.answer(404, b"<Error><Code>NoSuchKey</Code><Message>no</Message></Error>")
        etag = f'"{hashlib.md5(body).hexdigest()}"'
        self.answer(200, body, etag=etag, last_modified="Mon, 23 Nov 2026 03:00:00 GMT")

    do_HEAD = do_GET

    def do_PUT(self):
        bucket, key, _ = self.place()
        self.server.calls.append("PUT")
        body = self.body()
        if not self.server.on_put(bucket, key):
            return
        with self.server.lock:
            if self.headers.get("if-none-match") == "*" and (bucket, key) in self.server.objects:
                return self.answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
            self.server.objects[bucket, key] = body
        self.answer(200, etag=f'"{hashlib.md5(body).hexdigest()}"')

    def do_DELETE(self):
        bucket, key, _ = self.place()
        self.server.objects.pop((bucket, key), None)
        self.answer(204)

    def do_POST(self):
        """Glue's catalog, which has no table yet and takes any."""
        self.body()
        if self.headers.get("x-amz-target") == "AWSGlue.GetTable":
            return self.answer(400, b'{"__type":"EntityNotFoundException","message":"no table"}')
        self.answer(200, b"{}")

    def listing(self, bucket, query):
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        contents, common = [], set()
        for key in self.server.keys(bucket, prefix):
            if key <= query.get("start-after", ""):
                continue
            head, mark, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
            if mark:
                common.add(prefix + head + delimiter)
            else:
                contents.append(key)
        escape = xml.sax.saxutils.escape
        entry = "<Contents><Key>{}</Key><Size>{}</Size><ETag>x</ETag><LastModified>2026-11-23T03:00:00.000Z</LastModified></Contents>"
        text = "".join(entry.format(escape(key), len(self.server.objects[bucket, key])) for key in contents)
        text += "".join(f"<CommonPrefixes><Prefix>{escape(p)}</Prefix></CommonPrefixes>" for p in sorted(common))
        text = f"<ListBucketResult><IsTruncated>false</IsTruncated>{text}</ListBucketResult>"
        self.answer(200, text.encode())


class Runtime(Server):
    """Lambda's runtime API: hands out one event after the other and takes what is answered."""

    def __init__(self):
        self.events, self.answers = queue.Queue(), queue.Queue()
        super().__init__(RuntimeHandler)


class RuntimeHandler(Handler):
    """`next`, `response`, `error`."""

    def do_GET(self):
        event, deadline = self.server.events.get()
        self.answer(
            200,
            event,
            lambda_runtime_aws_request_id="1",
            lambda_runtime_deadline_ms=str(int((time.time() + deadline) * 1000)),
            lambda_runtime_invoked_function_arn="arn:aws:lambda:us-east-1:1:function:f",
        )

    def do_POST(self):
        body = self.body()
        self.server.answers.put((time.perf_counter(), self.path.rsplit("/", 1)[1], body))
        self.answer(202)


class Function:
    """A function's program, started by the first event as Lambda does."""

    def __init__(self, program, s3, **settings):
        self.runtime = Runtime()
        environment = {
            "AWS_LAMBDA_RUNTIME_API": self.runtime.address,
            "AWS_LAMBDA_FUNCTION_NAME": "f",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "a",
            "AWS_SECRET_ACCESS_KEY": "s",
            "AWS_ENDPOINT_URL": f"http://{s3.address}",
            "TIDEGATE_STAGING": f"s3://{STAGING}",
            "TIDEGATE_LAKE": f"s3://{LAKE}",
            "TIDEGATE_DATABASE": "tidegate",
            **settings,
        }
        self.start = lambda: subprocess.Popen([*RUNNER, program], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.process = None

    def invoke(self, event, deadline=60, wait=60):
        """(`response` or `error`, what was answered, seconds from start or event to answer)."""
        self.runtime.events.put((event if isinstance(event, bytes) else json.dumps(event).encode(), deadline))
        begin = time.perf_counter()
        if self.process is None:
            self.process = self.start()
            # Its log is read, or its pipe would fill up.
            self.log = []
            threading.Thread(target=self.read, args=[self.process.stdout], daemon=True).start()
        end, kind, body = self.runtime.answers.get(timeout=wait)
        return kind, json.loads(body or b"null"), end - begin

    def read(self, pipe):
        for line in pipe:
            self.log.append(line)

    def peak_mb(self):
        """The most memory that it has had, in MB."""
        status = open(f"/proc/{self.process.pid}/status").read()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) * 1024 / 1e6

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        self.runtime.shutdown()


