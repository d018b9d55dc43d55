"""Checks a Grafana dashboard: unique panels that do not overlap, and only metrics that the programs export."""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCES = [*ROOT.glob("scorer/src/**/*.rs"), *ROOT.glob("shadow-proxy/src/**/*.rs")]
EXPORTED = set(re.findall(r'"((?:scorer|shadow_proxy)_[a-z_]+)"', "".join(p.read_text() for p in SOURCES)))


def problems(path: Path):
    panels = json.loads(path.read_text())["panels"]
    ids = [panel["id"] for panel in panels]
    if len(set(ids)) != len(ids):
        yield f"{path}: two panels with one id"
    taken = {}
    for panel in panels:
        grid = panel["gridPos"]
        for x in range(grid["x"], grid["x"] + grid["w"]):
            for y in range(grid["y"], grid["y"] + grid["h"]):
                if (x, y) in taken:
                    yield f"{path}: {panel['title']} overlaps {taken[x, y]}"
                    return
                taken[x, y] = panel["title"]
    text = path.read_text()
    yield from unknown_metrics(path, text)


def unknown_metrics(path: Path, text: str):
    for metric in sorted(set(re.findall(r"\b(?:scorer|shadow_proxy)_[a-z_]+", text))):
        base = re.sub(r"_(bucket|sum|count)$", "", metric)
        if base not in EXPORTED and metric not in EXPORTED:
            yield f"{path}: no program exports {metric}"


found = [problem for argument in sys.argv[1:] for problem in problems(Path(argument))]
alerts = ROOT / "deploy/prometheus/alerts.yml"
found += unknown_metrics(alerts, alerts.read_text())
print("\n".join(found) or "ok")
sys.exit(bool(found))
