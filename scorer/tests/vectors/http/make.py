"""Makes HTTP vectors: random requests, and what the frameworks of the reference service answer.

    python3.12 make.py                                # rewrites every *.jsonl beside this script
    VECTOR_NOW=$(date -Iseconds) python3.12 make.py compare URL NAME SEED COUNT    # asks a scorer as well

A line holds a request and its response as Latin-1 texts, byte for byte, without the `date` header.
NAME is one of the settings below; a scorer to compare with must run with them, with the SECRET_KEY of
tokens.py and the CGRANTS_API_TOKEN of requests.py, on an empty database. Needs Python 3.12 with
Django 4.2.6, django-ninja 1.3.0, django-ninja-extra 0.21.8, django-ninja-jwt 5.3.5, ninja-schema
0.14.0, pydantic 2.10.3, PyJWT 2.10.1, django-cors-headers and uvicorn with h11.
"""

import json
import os
import pathlib
import random
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

import requests

HERE = pathlib.Path(__file__).parent
SEED = 20260115
# Settings, and how many vectors are kept of each.
VARIANTS = {
    "plain": ({"LOGGING_STRATEGY": "structlog_json"}, 1200),
    "hosts": ({"ALLOWED_HOSTS": '["h", ".h.test", "[::1]"]'}, 150),
    "secure": ({"SECURE_SSL_REDIRECT": "on", "SECURE_PROXY_SSL_HEADER": '["HTTP_X_FORWARDED_PROTO", "https"]'}, 150),
}
# What the app answers where the real service would go on to look at data.
NOT_DECIDED_HERE = b"HTTP/1.1 418"


def exchange(address, request):
    with socket.create_connection(address) as connection:
        connection.settimeout(30)
        connection.sendall(request)
        received = b""
        while part := connection.recv(65536):
            received += part
        return without_date(received)


def without_date(response):
    return re.sub(rb"\r\ndate: [^\r]*", b"", response, count=1)


def comparable(response):
    """The response without what is random in each process."""
    response = re.sub(rb"(?<=\r\nAllow: )[A-Z, ]+", lambda match: b", ".join(sorted(match[0].split(b", "))), response)
    return re.sub(rb"csrftoken=\w{32}; expires=[^;]*;", b"csrftoken=***; expires=***;", response)


def generated(name, seed):
    source = random.Random(f"http {name} {seed}")
    while True:
        request = requests.request(source)
        if name == "secure" and source.random() < 0.5:
            proto = source.choice([b"https", b"https", b"https", b"http", b"https, http", b"HTTPS"])
            request = request.replace(b"Connection: close", b"X-Forwarded-Proto: " + proto + b"\r\nConnection: close", 1)
        yield request


class Reference:
    """The app in a process of its own."""

    def __init__(self, name):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address = free.getsockname()
        self.directory = tempfile.TemporaryDirectory()
        environment = os.environ | VARIANTS[name][0] | {
            "REFERENCE_DB": str(pathlib.Path(self.directory.name) / "sessions.sqlite"),
            "PYTHONPATH": f"{HERE}:{HERE.parent}",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "reference_app:application", "--http", "h11", "--lifespan", "off",
             "--log-level", "critical", "--port", str(self.address[1])],
            env=environment)
        for _ in range(200):
            try:
                socket.create_connection(self.address).close()
                return
            except OSError:
                time.sleep(0.1)
        raise SystemExit("the reference app does not start")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.directory.cleanup()


def make(name):
    count = VARIANTS[name][1]
    with Reference(name) as reference, open(HERE / f"{name}.jsonl", "w") as file:
        source = generated(name, SEED)
        while count:
            request = next(source)
            if len(request) > 3000:
                continue
            response = comparable(exchange(reference.address, request))
            if response.startswith(NOT_DECIDED_HERE):
                continue
            line = {"request": request.decode("latin-1"), "response": response.decode("latin-1")}
            file.write(json.dumps(line) + "\n")
            count -= 1


def compare(url, name, seed, count):
    url = urllib.parse.urlsplit(url)
    address = (url.hostname, url.port)
    differing = 0
    with Reference(name) as reference:
        for number, request in zip(range(count), generated(name, seed)):
            expected = comparable(exchange(reference.address, request))
            ours = comparable(exchange(address, request))
            if ours != expected and not expected.startswith(NOT_DECIDED_HERE):
                differing += 1
                print(f"--- {number}\n{request[:1500]}\nreference: {expected[:1500]}\nscorer:    {ours[:1500]}")
    print(f"{differing} of {count} differ")
    return differing > 0


def main(arguments):
    if not arguments:
        for name in VARIANTS:
            make(name)
    elif len(arguments) == 5 and arguments[0] == "compare" and arguments[2] in VARIANTS:
        sys.exit(compare(arguments[1], arguments[2], arguments[3], int(arguments[4])))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
