"""`georsmllm dialects`: the forms in which points are written and heard, and what the numbers of each are."""

from __future__ import annotations

import textwrap

import click

from georsmllm.contracts import Dialect, SizeWH
from georsmllm.discover import dialect, dialect_names

VIEW: SizeWH = (1024, 768)
"""The view for which numbers that depend on its size are shown."""


@click.command()
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """List the dialects, or show what one declares: frame, span, rounding, corner order, angle, and a published line."""
    if name is not None:
        print(declaration(dialect(name)))
        return
    names = dialect_names()
    width = max(map(len, names))
    for one in names:
        form = dialect(one)
        print(f"{one:<{width}}  {form.title}: {', '.join(form.kinds)}; {form.span}")
    print("\ngeorsmllm dialects NAME shows what one declares; georsmllm build RECIPE dialect=NAME speaks it")


def declaration(form: Dialect) -> str:
    """What a dialect declares, for a terminal."""
    across, down = form.extent(VIEW)
    step = form.grid(VIEW)
    points = {None: "as many as one likes", 0: "none"}.get(form.num_keypoints, f"{form.num_keypoints} in each box")
    lines = [
        ("says", ", ".join(form.kinds)),
        ("labels", "in the text" if form.is_labelled else "none"),
        ("keypoints", points),
        ("frame", form.frame),
        ("span", form.span),
        ("rounding", form.rounding),
        ("corners", form.corner_order),
        ("angle", form.angle),
        (
            "a view of",
            f"{VIEW[0]}x{VIEW[1]} px ends at {across:g}, {down:g}; a step is {step[0]:.4g} x {step[1]:.4g} px",
        ),
        ("source", form.source),
    ]
    body = "\n".join(f"{name:<10} {textwrap.fill(text, 100, subsequent_indent=' ' * 11)}" for name, text in lines)
    shown = [f"\n{example.source}:\n{textwrap.indent(example.text, '  ')}" for example in form.examples[:1]]
    return "\n".join([form.title, "=" * len(form.title), body, *shown])
