"""`georsmllm overlap`: the images that two sets or datasets share, before one is trained on and the other is judged by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click
import msgspec

if TYPE_CHECKING:
    from georsmllm.overlap import Meeting, Overlap, Side

EPILOG = """
\b
Examples:
  georsmllm overlap sets/train vrsbench=/data/VRSBench
  georsmllm overlap dota=/data/DOTA isaid=/data/iSAID --limit 500
  georsmllm overlap sets/mine sets/mine --fail          its own splits

\b
Three ways to meet: a scene name that both use (readers of one imagery share them), the same pixels, and looks, which
turning, scaling and compression leave alone. A crop does not look like its whole; there only names help.
"""


@click.command(epilog=EPILOG)
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option("--limit", "-n", type=click.IntRange(1), default=None, help="Only the first records of each.")
@click.option("--examples", type=click.IntRange(0), default=3, show_default=True, help="Pairs shown for two splits.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@click.option(
    "--fail", is_flag=True, help="Exit with 1 where evaluation images of one are training images of the other."
)
@click.pass_context
def command(ctx: click.Context, a: str, b: str, limit: int | None, examples: int, as_json: bool, fail: bool) -> None:
    """Say which images A and B share, split by split.

    A and B are folders of built sets, or datasets as READER=PATH (READER:NAME=PATH); a dataset is read and its pixels are
    hashed. Exit codes: 0, under --fail 1 for a leak, 2 wrong input.
    """
    from georsmllm.overlap import overlap, source

    from .progress import bar

    one, other = source(a, limit), source(b, limit)
    watch = bar("reading", one.records + (other.records if other.name != one.name else 0))
    found = overlap(one, other, examples=examples, tick=watch.update)
    watch.close()
    if as_json:
        print(msgspec.json.encode(found).decode())
    else:
        for line in summary(found):
            print(line)
    ctx.exit(1 if fail and found.leaks else 0)


def summary(found: Overlap) -> list[str]:
    """The two sides, the table of what meets, and the imagery that both are known to show."""
    lines = [
        _side("A", found.a),
        _side("B", found.b) if found.b.name != found.a.name else "B  the same: its own splits",
    ]
    for meeting in found.meetings:
        lines += _meeting(found, meeting)
    if not found.meetings:
        lines.append("nothing is shared")
    for one in found.imagery:
        lines.append(f"imagery of both: {one.imagery}. {one.note}")
        lines += [
            f"  {name}: {one.datasets[name]}"
            for name in sorted({*found.a.datasets, *found.b.datasets} & {*one.datasets})
        ]
    return lines


def _side(letter: str, side: Side) -> str:
    unread = f"; unread: {_named(side.unread)}" if side.unread else ""
    return f"{letter}  {side.name}: images {_named(side.images)}{unread}"


def _meeting(found: Overlap, meeting: Meeting) -> Iterator[str]:
    a, b = found.a.images[meeting.a_split], found.b.images[meeting.b_split]
    yield (
        f"{'LEAK  ' if meeting.leaks else ''}A {meeting.a_split or '(none)'} x B {meeting.b_split or '(none)'}:"
        f" {meeting.a_images} of {a} images meet {meeting.b_images} of {b}"
        f" (scenes {meeting.scenes}, same pixels {meeting.pixels}, look alike {meeting.looks})"
    )
    yield from (f"  {example}" for example in meeting.examples)


def _named(counts: dict[str, int]) -> str:
    return ", ".join(f"{name or '(none)'} {number}" for name, number in counts.items()) or "none"
