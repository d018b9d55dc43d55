"""Runs what can be run of the documented commands and checks the rest against the programs."""

import json
import os
import pathlib
import re
import shlex
import subprocess
import tempfile

from documents.clone import MARK
from documents.pages import ROOT

OURS = ("parity-cli", "shadow-proxy", "scorer")
# Programs of whoever operates the service. Blocks with them are marked `sh elsewhere` and not run.
ELSEWHERE = ("docker", "kubectl", "curl", "psql", "redis-cli", "pip", "python")


def run_page(clone, blocks):
    """Runs the `sh` blocks of a page in one shell, in order. Returns a problem or nothing, and each block's output."""
    script = ["set -euo pipefail", f"trap 'status=$?; echo; echo \"{MARK}end $status\"' EXIT"]
    for number, block in enumerate(blocks):
        script += [f'echo; echo "{MARK}{number}"', block.text]
    output = clone.run("\n".join(script))
    parts = re.split(rf"^{MARK}(\w+ ?\d*)\n", output, flags=re.MULTILINE)
    outputs = {name: text for name, text in zip(parts[1::2], parts[2::2])}
    ended = next((name for name in outputs if name.startswith("end")), "never ended")
    if ended == "end 0":
        return None, outputs
    last = max((int(name) for name in outputs if name.isdigit()), default=0)
    tail = "\n    ".join(outputs.get(str(last), output).strip().splitlines()[-25:])
    return f"{blocks[last].place}: {ended}\n    {tail}", outputs


def shown_in(excerpt, output):
    """The first line of an excerpt that the output does not have, in this order. `…` stands for anything."""
    at = 0
    for line in excerpt.splitlines():
        if line.strip() in ("", "…"):
            continue
        pattern = ".*".join(re.escape(part) for part in line.strip().split("…"))
        found = re.compile(pattern).search(output, at)
        if not found:
            return line
        at = found.end()
    return None


def commands_of(text):
    """The commands of a script as lists of words: no pipes' right sides, no variables, no comments, no heads of loops."""
    joined = text.replace("\\\n", " ")
    for line in joined.splitlines():
        for part in re.split(r"\s(?:\|\||&&|\||;)\s|\s&$", line):
            lexer = shlex.shlex(part, posix=True, punctuation_chars="<>")
            lexer.whitespace_split = True
            words = list(lexer)
            while words and re.fullmatch(r"\w+=.*", words[0]):
                words.pop(0)
            cut = next((at for at, word in enumerate(words) if set(word) <= set("<>")), len(words))
            if words[:cut] and words[0] not in ("for", "done"):
                yield words[:cut]


class Programs:
    """Checks a command against the program it names."""

    def __init__(self):
        metadata = ["cargo", "metadata", "--no-deps", "--format-version", "1"]
        text = subprocess.run(metadata, cwd=ROOT, check=True, capture_output=True, text=True).stdout
        self.targets = {
            package["name"]: {(kind, target["name"]) for target in package["targets"] for kind in target["kind"]}
            for package in json.loads(text)["packages"]
        }

    def problem(self, words):
        program, arguments = words[0], [word for word in words[1:] if word != "…"]
        if program in OURS:
            return self._ours(program, arguments)
        if program == "cargo":
            return self._cargo(arguments)
        if program.startswith("scripts/"):
            return None if os.access(ROOT / program, os.X_OK) else "no such script"
        if program in ELSEWHERE:
            return self._files(arguments)
        return f"{program} is not a program that the documents may name"

    def _ours(self, program, arguments):
        binary = ROOT / "target" / "debug" / program
        # With --help every argument before it is parsed, and nothing is done.
        asked = subprocess.run([binary, *arguments, "--help"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        return None if asked.returncode == 0 else asked.stderr.strip().splitlines()[0]

    def _cargo(self, arguments):
        if "--" in arguments:
            at = arguments.index("--")
            arguments, passed = arguments[:at], arguments[at + 1 :]
            package = arguments[arguments.index("-p") + 1] if "-p" in arguments else None
            # What follows `--` is for our program only where cargo runs it; a test's runner has its own.
            if package in OURS and arguments[0] == "run":
                problem = self._ours(package, passed)
                if problem:
                    return problem
        options = dict(zip(arguments, arguments[1:]))
        package = options.get("-p")
        if package is None:
            return None if arguments[0] in ("build", "test", "fmt", "clippy") else "no package is named"
        if package not in self.targets:
            return f"no package {package}"
        for kind in ("example", "bench", "test", "bin"):
            name = options.get(f"--{kind}")
            if name and (kind, name) not in self.targets[package]:
                return f"no {kind} {name} in {package}"
        return None

    @staticmethod
    def _files(arguments):
        for argument in arguments:
            name = argument.split("=")[-1].lstrip("@")
            if re.match(r"(deploy|docs|fixtures|scripts)/", name) and not (ROOT / name).exists():
                return f"no such file: {name}"
        return None


def run_sql(blocks):
    """Runs SQL blocks on a PostgreSQL of their own, each in one go. Returns the problems."""
    initdb = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not initdb:
        return [f"{block.place}: no PostgreSQL is installed to run it" for block in blocks]
    script = """
      set -euo pipefail
      as=""
      if [ "$(id -u)" = 0 ]; then as="setpriv --reuid=postgres --regid=postgres --init-groups"; chown postgres "$1"; fi
      cd "$1"
      $as "$2/initdb" -D "$1/data" -A trust -U postgres -E UTF8 >/dev/null
      $as "$2/pg_ctl" -D "$1/data" -o "-k $1 -c listen_addresses=''" -w -l "$1/log" start >/dev/null
      trap '$as "$2/pg_ctl" -D "$1/data" -m immediate stop >/dev/null' EXIT
      for file in "$1"/*.sql; do psql -h "$1" -U postgres -q -v ON_ERROR_STOP=1 -f "$file"; done
    """
    with tempfile.TemporaryDirectory(prefix="documents-") as directory:
        os.chmod(directory, 0o755)
        for number, block in enumerate(blocks):
            path = pathlib.Path(directory) / f"{number}.sql"
            path.write_text(block.text)
        ran = subprocess.run(
            ["bash", "-c", script, "sql", directory, str(initdb[-1].parent)], capture_output=True, text=True
        )
    return [] if ran.returncode == 0 else [f"{blocks[0].place} ff.: {ran.stderr.strip()}"]
