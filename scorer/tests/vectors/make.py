"""Makes test vectors: inputs near the edges, and what Python 3.12 answers.

    python3.12 make.py FUNCTION SEED COUNT      # to standard output
    python3.12 make.py all                      # rewrites every *.tsv beside this script

A line holds the input as a JSON document (for `loads` the bytes as a Latin-1 JSON string), `ok` or
`error`, and the answer, separated by tabs. Needs Python 3.12; `datetime_millis`, `model_datetime`,
`pydantic_int`, `pydantic_float`, `compact`, `jsonb`, `rate` and `access_token` also need Django 4.2.6,
pydantic 2.10.3, django-ratelimit 4.1.0, django-ninja-jwt 5.3.5, PyJWT 2.10.1, psycopg2 and a PostgreSQL
at DATABASE_URL.
"""

import json
import pathlib
import random
import sys

from cases import CASES
from oracle import FUNCTIONS

SEED = 20260115
COUNT = 2000


def line(name, source):
    """One input with the answer of Python."""
    if name == "loads":
        value, shown = source, json.dumps(source.decode("latin-1"))
    else:
        value, shown = json.loads(source), source
    try:
        answer = f"ok\t{FUNCTIONS[name](value)}"
    except ImportError as error:
        sys.exit(f"{name}: {error}")
    except Exception as error:
        # An error text that holds surrogates or line feeds is told like a JSON string.
        answer = f"error\t{json.dumps(str(error))[1:-1]}"
    return f"{shown}\t{answer}"


def lines(name, seed, count):
    """Different inputs, in random order."""
    source = random.Random(f"{name} {seed}")
    seen = set()
    for _ in range(count):
        case = CASES[name](source)
        if case not in seen:
            seen.add(case)
            yield line(name, case)


def main(arguments):
    if sys.version_info[:2] != (3, 12):
        sys.exit(f"needs Python 3.12, this is {sys.version.split()[0]}")
    if arguments == ["all"]:
        for name in FUNCTIONS:
            target = pathlib.Path(__file__).with_name(f"{name}.tsv")
            text = "".join(entry + "\n" for entry in lines(name, SEED, COUNT))
            target.write_text(text, encoding="utf-8")
    elif len(arguments) == 3 and arguments[0] in FUNCTIONS:
        sys.stdout.reconfigure(encoding="utf-8")
        for entry in lines(arguments[0], arguments[1], int(arguments[2])):
            print(entry)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
