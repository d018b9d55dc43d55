"""A reference with a database: the scorer behind a port, with one row spoilt after each of its answers. Needs an installed
PostgreSQL."""

import http.server
import json
import os
import subprocess
import time
import urllib.request

ADDRESS = "0xc9c46882915370c8d324505cd88cde3e7caf2b4a"
SPOIL = f"""UPDATE registry_score SET score = 0.5
    WHERE passport_id = (SELECT id FROM registry_passport WHERE address = '{ADDRESS}' AND community_id = 1)"""
SOCKET = ".s.PGSQL.5432"
# The reference is a slow service: a candidate that reads after it wrote has nothing to compare.
PAUSE = 0.5


class SpoiltReference:
    """Stands while the context lasts. `url` is where it is served, `database` the URL of what it writes to."""

    def __init__(self, scorer, fixtures, directory, serve):
        directory.chmod(0o755)  # the database may run as another user
        settings = dict(json.loads((fixtures / "manifest.json").read_text())["settings"])
        self.settings, self.token = settings, settings["CGRANTS_API_TOKEN"]
        environment = {
            **settings, "PATH": os.environ["PATH"], "TMPDIR": str(directory), "SCORER_POSTGRES": "installed",
            "SCORER_LISTEN": "127.0.0.1:0", "SCORER_METRICS_LISTEN": "127.0.0.1:0",
        }
        log = directory / "scorer.log"
        with open(log, "wb") as stderr:
            self.scorer = subprocess.Popen([scorer], env=environment, stderr=stderr)
        try:
            self.furnish(log, fixtures, directory)
        except BaseException:
            self.__exit__()
            raise
        self.url = f"http://127.0.0.1:{serve(self.handler())}"

    def furnish(self, log, fixtures, directory):
        while not (serving := [line for line in log.read_text().splitlines() if '"serving"' in line]):
            if self.scorer.poll() is not None:
                raise SystemExit(log.read_text())
            time.sleep(0.05)
        self.behind = f"http://{json.loads(serving[0])['address']}"
        self.socket = next(directory.rglob(SOCKET)).parent
        self.database = f"postgres://postgres@localhost:5432/postgres?host={self.socket}"
        self.run("-f", fixtures / "seed.sql")

    def run(self, *arguments):
        subprocess.run(["psql", "-h", self.socket, "-U", "postgres", "-q", "-v", "ON_ERROR_STOP=1", *arguments],
                       check=True, stdout=subprocess.DEVNULL)

    def handler(reference):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body in one piece

            def do_GET(self):
                time.sleep(PAUSE)
                request = urllib.request.Request(reference.behind + self.path, headers=dict(self.headers))
                with urllib.request.urlopen(request) as answer:
                    body = answer.read()
                    fields = answer.getheaders()
                reference.run("-c", SPOIL)
                self.send_response_only(200)
                for name, value in fields:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        return Handler

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.scorer.terminate()
        self.scorer.wait()
