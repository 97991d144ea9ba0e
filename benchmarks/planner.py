"""How long the embedded planner takes for a query, after warm-up, on one core.

    python benchmarks/planner.py [--samples FILE of ideal plans, JSON lines with a "query"]

Without --samples only the queries of the tests are planned. A query's time is the least of ROUNDS.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import time
from pathlib import Path
from statistics import median, quantiles

from georsmllm.parser.embedded import plan
from georsmllm.parser.planner import NoCondition

ROUNDS = 5
NOTES = Path(__file__).parents[1] / "tests" / "parser" / "data"
WORST = ["find cars " + "not " * 490, "find " + "the largest car near the " * 78, "is the car " + "that are " * 200]
"""Texts at the bound of 2000 characters that a grammar could get lost in."""


def queries_of(path: Path) -> list[str]:
    blocks = path.read_text(encoding="utf-8").split("\n\n")
    lines = [block.strip().splitlines() for block in blocks]
    return [rows[0].removeprefix("2|") for rows in lines if len(rows) == 2 and not rows[0].startswith("#")]


def seconds(query: str) -> float:
    start = time.perf_counter()
    with contextlib.suppress(NoCondition):
        plan(query)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=Path)
    options = parser.parse_args()
    sets = {f"tests/parser/data/{path.name}": queries_of(path) for path in sorted(NOTES.glob("*queries*.txt"))}
    if options.samples:
        lines = options.samples.read_text(encoding="utf-8").splitlines()
        sets[options.samples.name] = [json.loads(line)["query"] for line in lines if line.strip()]
    sets["2000 characters meant to be hard"] = WORST
    first = seconds("find planes")
    print(f"load {os.getloadavg()[0]:.2f}; least of {ROUNDS} rounds, one core; the first query {first * 1000:.0f} ms\n")
    print("| queries | number | median, ms | 95 of 100, ms | worst, ms |\n| --- | --- | --- | --- | --- |")
    for name, queries in sets.items():
        times = [min(seconds(query) for _ in range(ROUNDS)) * 1000 for query in queries]
        slow = quantiles(times, n=20)[-1] if len(times) > 19 else max(times)
        print(f"| {name} | {len(times)} | {median(times):.2f} | {slow:.2f} | {max(times):.2f} |")


if __name__ == "__main__":
    main()
