"""A clean clone to run documented commands in."""

import os
import shutil
import signal
import subprocess

from documents.pages import ROOT

# Seconds that the commands of one page may take, building included.
TIMEOUT = 1500
MARK = "@@ block "
# What the files of this workspace's own crates begin with, in a target directory.
OWN = ("parity", "scorer", "shadow", "orders", "libparity", "libscorer", "libshadow")


class Clone:
    """What is committed and what is changed in files git knows, and nothing else.

    The compiled dependencies are lent to it, so that only the crates of this workspace are built again.
    """

    def __init__(self):
        self.path = ROOT / "target" / "clean-clone"
        revision = git(ROOT, "stash", "create") or git(ROOT, "rev-parse", "HEAD")
        if not self.path.exists():
            git(ROOT, "clone", "--quiet", "--shared", "--no-checkout", str(ROOT), str(self.path))
        git(self.path, "checkout", "--quiet", "--force", "--detach", revision)
        git(self.path, "clean", "--quiet", "-fdx", "--exclude=/target/debug")
        lend(ROOT / "target" / "debug", self.path / "target" / "debug")
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("CARGO_", "DATABASE_URL", "SCORER_", "PARITY_", "RUST_LOG", "GIT_"))
        }
        # Nothing is built twice there.
        self.environment["CARGO_INCREMENTAL"] = "0"

    def run(self, script, timeout=TIMEOUT):
        """Output and exit code of a script in the clone; what it left running is ended."""
        process = subprocess.Popen(
            ["bash", "-c", script],
            cwd=self.path,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        # Background processes hold the pipe open: the script says itself when it is done.
        lines = []
        watchdog = subprocess.Popen(["sleep", str(timeout)], start_new_session=True)
        try:
            for line in process.stdout:
                lines.append(line)
                if line.startswith(f"{MARK}end"):
                    break
                if watchdog.poll() is not None:
                    lines.append(f"took longer than {timeout} s\n")
                    break
            return "".join(lines)
        finally:
            watchdog.kill()
            watchdog.wait()
            try:
                os.killpg(process.pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
            process.stdout.close()
            process.wait()


def git(where, *arguments):
    command = ["git", "-C", str(where), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def lend(lender, borrower):
    """Links what belongs to dependencies from one target directory into another; what cargo writes again is copied."""
    for part, copy in (("deps", os.link), ("build", os.link), (".fingerprint", shutil.copy2)):
        (borrower / part).mkdir(parents=True, exist_ok=True)
        for entry in os.scandir(lender / part) if (lender / part).is_dir() else ():
            target = borrower / part / entry.name
            if entry.name.startswith(OWN) or target.exists():
                continue
            if entry.is_dir():
                shutil.copytree(entry.path, target, copy_function=copy)
            else:
                copy(entry.path, target)
