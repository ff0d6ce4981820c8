#!/usr/bin/env python3
"""Checks the alert rules and the dashboard with Prometheus' own promtool.

That the metrics in them exist is checked by a test of the gate (crates/tollgate/tests/it/metrics.rs).
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RULES = ROOT / "deploy/prometheus"
DASHBOARD = ROOT / "deploy/grafana/tollgate.json"


def promtool(promtool: str, *args: str) -> None:
    done = subprocess.run([promtool, *args], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"promtool {' '.join(args)}:\n{done.stdout}{done.stderr}")


def expressions() -> list[str]:
    """The dashboard's queries, with its variables filled in."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    targets = [target for panel in panels for target in panel.get("targets", [])]
    return [target["expr"].replace("$__rate_interval", "5m") for target in targets]


def main() -> None:
    tool = sys.argv[1]
    promtool(tool, "check", "rules", str(RULES / "alerts.yml"))
    promtool(tool, "test", "rules", str(RULES / "alerts_test.yml"))
    queries = expressions()
    rules = [{"record": f"dashboard:query{number}", "expr": query} for number, query in enumerate(queries)]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        # JSON is YAML too.
        json.dump({"groups": [{"name": "dashboard", "rules": rules}]}, file)
        file.flush()
        promtool(tool, "check", "rules", file.name)
    print(f"The alert rules and {len(queries)} queries of the dashboard are in order.")


if __name__ == "__main__":
    main()
