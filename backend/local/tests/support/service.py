#!/usr/bin/python3
"""Stands in for `aisoc serve`: answers every request with its version, honours injected latency, and cannot start
when told so. Only for tests of the supervisor, which does not care what its processes do."""
import os, signal, socketserver, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

if os.environ.get("FAIL_TO_START"):
    sys.exit("told not to start")

latency = int(os.environ.get("AISOC_INJECT_LATENCY_MS", "0"))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 1  # an idle connection does not keep a process alive that shall stop

    def answer(self):
        if self.path.startswith("/work"):
            time.sleep(latency / 1000)
        body = f"{os.environ['AISOC_VERSION']} {os.environ['AISOC_REGION']}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer()

    def do_PUT(self):
        global latency
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        latency = int(body.split(":")[1].strip(" }"))
        self.answer()

    def log_message(self, *args):
        pass


class Agent(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(b"up\n")


class Agents(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


host, port = os.environ["AISOC_LISTEN"].split(":")
server = ThreadingHTTPServer((host, int(port)), Handler)
server.daemon_threads = False
if "AISOC_AGENT_LISTEN" in os.environ:
    host, port = os.environ["AISOC_AGENT_LISTEN"].split(":")
    threading.Thread(target=Agents((host, int(port)), Agent).serve_forever, daemon=True).start()
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever(poll_interval=0.05)
server.server_close()
