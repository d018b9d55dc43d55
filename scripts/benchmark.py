"""What the benchmarks of servers share."""

import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Printed by wrk when it is done, so that nothing has to be read off its table.
_REPORT = """
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d %d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(95), latency:percentile(99),
    e.connect + e.read + e.write + e.status + e.timeout))
end
"""


def built(variable, package, *target):
    """The path of a release binary, `--bin` or `--example` and its name: the one that the environment names, or one built now."""
    if binary := os.environ.get(variable):
        return binary
    build = ["cargo", "build", "--release", "--locked", "--no-default-features", "-p", package, *target]
    build += ["--message-format", "json-render-diagnostics"]
    artifacts = subprocess.run(build, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    return next(e for e in (json.loads(line).get("executable") for line in artifacts) if e)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wrk(url, connections, seconds, *options):
    """Keeps connections busy for so long. Times are in microseconds; errors are of every kind."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(_REPORT)
        script.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", script.name, *options, url]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"RESULT (.*)", output) or sys.exit(f"wrk said:\n{output}")
    requests, micros, p50, p95, p99, errors = map(int, found[1].split())
    rate = requests / micros * 1e6
    return {"requests": requests, "per_second": rate, "p50": p50, "p95": p95, "p99": p99, "errors": errors}
