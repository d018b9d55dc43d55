"""Checks a compose file: what every service refers to exists, and no secret stands in it."""

import re
import sys
from pathlib import Path

import yaml


def problems(path: Path):
    compose = yaml.safe_load(path.read_text())
    services, volumes = compose["services"], compose.get("volumes", {})
    for name, service in services.items():
        if ("image" in service) == ("build" in service):
            yield f"{name}: needs exactly one of image and build"
        if "build" in service:
            context = path.parent / service["build"]["context"]
            if not (context / service["build"]["dockerfile"]).is_file():
                yield f"{name}: no file {service['build']['dockerfile']}"
        for needed in service.get("depends_on", []):
            if needed not in services:
                yield f"{name}: depends on {needed}, which is no service"
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            if source.startswith("."):
                if not (path.parent / source).exists():
                    yield f"{name}: mounts {source}, which does not exist"
            elif source not in volumes:
                yield f"{name}: mounts {source}, which is no volume"
        for key, value in (service.get("environment") or {}).items():
            secret = re.search(r"SECRET|TOKEN|PASSWORD", key)
            if secret and not str(value).startswith("${"):
                yield f"{name}: {key} must come from the environment"


found = [problem for argument in sys.argv[1:] for problem in problems(Path(argument))]
print("\n".join(found) or "ok")
sys.exit(bool(found))
