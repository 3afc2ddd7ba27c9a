"""An HTTP API on loopback for tests: a function from a path with its query to an answer, whatever the method."""

import contextlib
import http.server
import json
import threading
import urllib.parse


def answer(body, status=200, content_type="application/json", **headers):
    """An answer; a body that is not bytes is sent as JSON."""
    if not isinstance(body, bytes):
        body = json.dumps(body, ensure_ascii=False).encode()
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return status, {"content-type": content_type, **headers}, body


@contextlib.contextmanager
def serve(respond):
    """Serves `respond(path, query, headers)` and yields the base URL."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.do_GET()

        def do_GET(self):
            url = urllib.parse.urlsplit(self.path)
            query = dict(urllib.parse.parse_qsl(url.query))
            status, headers, body = respond(url.path, query, self.headers)
            with contextlib.suppress(ConnectionError):
                self.send_response(status)
                for name, value in {"content-length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
            if headers.get("content-length", str(len(body))) != str(len(body)):
                self.close_connection = True

        def log_message(self, *_):
            pass

    with listening(Handler) as url:
        yield url


@contextlib.contextmanager
def listening(handler):
    """Listens on a free port with a handler of requests, and yields the base URL."""

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_):
            """A client that goes away is what some tests are about."""

    server = Server(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
