"""Names that documents share with code and deployment: settings, metrics, alerts, recorded scenarios."""

import json
import re

from documents.pages import ROOT


def problems(all_pages):
    by_name = {str(page.path.relative_to(ROOT)): page for page in all_pages}
    yield from settings(by_name["docs/operations.md"])
    yield from metrics([by_name["docs/operations.md"], by_name["docs/shadow-deployment.md"]])
    yield from alerts(by_name["docs/cutover.md"])
    yield from scenarios(all_pages)


def differing(what, documented, real):
    for name in sorted(real - documented):
        yield f"{what} {name} is not documented"
    for name in sorted(documented - real):
        yield f"{what} {name} is documented and does not exist"


def settings(page):
    """Every variable that is read has a row, and nothing else has."""
    sources = ["scorer/src/settings.rs", "scorer/src/embedded/options.rs"]
    text = "".join((ROOT / source).read_text() for source in sources)
    read = set(re.findall(r'[(,]\s*"([A-Z][A-Z0-9_]+)"', text)) | {"RUST_LOG"}
    rows = [line.split("|")[1] for _, line in page.prose if line.startswith("| `")]
    documented = {name for row in rows for name in re.findall(r"`([A-Z][A-Z0-9_]+)`", row)}
    yield from differing("the setting", documented, read)


def metrics(some_pages):
    """Every metric that is exported has a row, and nothing else has."""
    sources = [*(ROOT / "scorer/src/telemetry").rglob("*.rs"), *(ROOT / "shadow-proxy/src").rglob("*.rs")]
    exported = set(re.findall(r'"((?:scorer|shadow_proxy)_[a-z_]+)"', "".join(path.read_text() for path in sources)))
    rows = [line.split("|")[1] for page in some_pages for _, line in page.prose if line.startswith("| `")]
    documented = set(re.findall(r"`((?:scorer|shadow_proxy)_[a-z_]+)`", "".join(rows)))
    yield from differing("the metric", documented, exported)


def alerts(page):
    """Every alert has a row of what to do, and nothing else has."""
    rules = (ROOT / "deploy/prometheus/alerts.yml").read_text()
    rows = [line.split("|")[1] for _, line in page.prose if line.startswith("| `")]
    documented = set(re.findall(r"`([A-Z]\w+)`", "".join(rows)))
    yield from differing("the alert", documented, set(re.findall(r"- alert: (\w+)", rules)))


def scenarios(all_pages):
    """A name like `group/scenario` is recorded, and a link to the line of a recording leads to the scenario it names."""
    recorded = {}
    for path in sorted(ROOT.glob("fixtures/*/exchanges/*.jsonl")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            recorded.setdefault(json.loads(line)["scenario"], []).append((path, number))
    groups = {name.split("/")[0] for name in recorded}
    for page in all_pages:
        for place, code in page.inline_code():
            group, slash, _ = code.partition("/")
            if slash and group in groups and code not in recorded and not (ROOT / code).exists():
                yield f"{place}: no scenario {code} is recorded"
        for number, line in page.prose:
            for code, target in re.findall(r"\[`([^`]+)`\]\(([^)\s]+\.jsonl#L\d+)\)", line):
                name, _, at = target.partition("#L")
                if ((page.path.parent / name).resolve(), int(at)) not in recorded.get(code, []):
                    yield f"{page.place(number)}: line {at} of {name} is not {code}"
