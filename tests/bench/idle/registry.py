"""Model registries that never change, for tests/bench/idle/run: `registry.py PORT VERSIONS`.

`/s<number>/` is a registry of 50 versions, `/big/` one of VERSIONS. Answers have the shapes of MLflow's and are made once.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PAGE = 1000
VERSIONS_OF_A_MODEL = 10
AT = 1_790_000_000_000


def pages(rows, name):
    found = []
    for start in range(0, max(len(rows), 1), PAGE):
        page = {name: rows[start : start + PAGE]}
        if start + PAGE < len(rows):
            page["next_page_token"] = str(start + PAGE)
        found.append(json.dumps(page).encode())
    return found


def registry(versions):
    models = [{"name": f"model-{model}", "creation_timestamp": AT, "tags": [{"key": "aims.system", "value": "credit"}]} for model in range(versions // VERSIONS_OF_A_MODEL)]
    rows = [
        {
            "name": f"model-{number // VERSIONS_OF_A_MODEL}",
            "version": str(number % VERSIONS_OF_A_MODEL + 1),
            "creation_timestamp": AT + number * 1000,
            "last_updated_timestamp": AT + number * 1000,
            "current_stage": "None",
            "description": "",
            "source": f"s3://models/artifacts/{number:032x}/model",
            "run_id": f"{number:032x}",
            "status": "READY",
            "tags": [{"key": "aims.approved", "value": "yes"}],
        }
        for number in range(versions)
    ]
    return {"registered-models": pages(models, "registered_models"), "model-versions": pages(rows, "model_versions"), "experiments": [b"{}"]}


SMALL, BIG = registry(50), registry(int(sys.argv[2]))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urlsplit(self.path)
        which, *_, kind, _ = url.path.strip("/").split("/")
        found = (BIG if which == "big" else SMALL).get(kind)
        token = parse_qs(url.query).get("page_token", ["0"])[0]
        # Servers of older versions don't know every path.
        body = found[int(token) // PAGE] if found else b"{}"
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True


Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
