"""What the check knows of Markdown: fenced blocks, inline code, headings and their anchors, links."""

import dataclasses
import pathlib
import re
import subprocess
import textwrap

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


@dataclasses.dataclass
class Block:
    """A fenced block. The info string says what it is: a language, and for `sh` where it runs."""

    page: pathlib.Path
    line: int
    kind: str
    text: str

    @property
    def place(self):
        return f"{self.page.relative_to(ROOT)}:{self.line}"


class Page:
    def __init__(self, path):
        self.path = path
        self.blocks = []
        # Lines outside fenced blocks, with their numbers.
        self.prose = []
        self._read(path.read_text().splitlines())

    def _read(self, lines):
        block = None
        for number, line in enumerate(lines, 1):
            # Blocks in lists are indented.
            fence = re.match(r"\s*(?:```|~~~)\s*(.*)$", line)
            if block is None and fence:
                block = Block(self.path, number, fence[1].strip(), "")
            elif block is None:
                self.prose.append((number, line))
            elif fence:
                block.text = textwrap.dedent(block.text)
                self.blocks.append(block)
                block = None
            else:
                block.text += line + "\n"
        if block is not None:
            raise SystemExit(f"{block.place}: the block is not closed")

    def place(self, number):
        return f"{self.path.relative_to(ROOT)}:{number}"

    def inline_code(self):
        for number, line in self.prose:
            for code in re.findall(r"`([^`]+)`", line):
                yield self.place(number), code

    def links(self):
        for number, line in self.prose:
            bare = re.sub(r"`[^`]*`", "", line)
            for target in re.findall(r"\]\(([^)\s]+)\)", bare):
                yield self.place(number), target

    def anchors(self):
        """Anchors of the headings, as GitHub makes them."""
        seen = {}
        for _, line in self.prose:
            heading = re.match(r"#+ +(.*?) *$", line)
            if not heading:
                continue
            text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).lower()
            anchor = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
            count = seen.get(anchor, 0)
            seen[anchor] = count + 1
            yield anchor if count == 0 else f"{anchor}-{count}"


def pages():
    """Every Markdown file that belongs to the project, committed or about to be."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [Page(ROOT / name) for name in sorted(names.split())]


def broken_links(all_pages):
    """How many links were looked at, and what is wrong with which."""
    by_path = {page.path: page for page in all_pages}
    count, problems = 0, []
    for page in all_pages:
        for place, target in page.links():
            count += 1
            problem = problem_of(page, target, by_path)
            if problem:
                problems.append(f"{place}: {target}: {problem}")
    return count, problems


def problem_of(page, target, by_path):
    if re.match(r"[a-z][a-z0-9+.-]*:", target):
        well_formed = re.fullmatch(r"https://[a-z0-9.-]+\.[a-z]{2,}(/[\w./~%+#?=&@:-]*)?", target)
        return None if well_formed else "no https address"
    name, _, anchor = target.partition("#")
    path = (page.path.parent / name).resolve() if name else page.path
    if not path.exists():
        return "no such file"
    if anchor and path in by_path and anchor not in by_path[path].anchors():
        return "no such heading"
    if anchor and path not in by_path and not re.fullmatch(r"L\d+(-L\d+)?", anchor):
        return "an anchor into a file that has none"
    return None
