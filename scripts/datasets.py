"""`georsmllm datasets`: which readers there are, and what a person must know of each."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

import click

from georsmllm.contracts import Converter
from georsmllm.discover import converter, converter_names


@click.command()
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """List the dataset readers, or show the card of one: layout, a literal label line, licence, known defects."""
    if name is None:
        names = converter_names()
        width = max(map(len, names))
        for one in names:
            print(f"{one:<{width}}  {converter(one).card.title}")
        print("\ngeorsmllm datasets NAME shows a card; --dataset takes a name of this list, or your own reader.py")
        return
    print(card_text(converter(name)))


def card_text(reader: Converter) -> str:
    """The card for a terminal, with the closed sets of reasons and repairs."""
    card = reader.card
    sections = [
        ("Layout", card.layout),
        ("A label line", card.label_line),
        ("Classes", card.classes),
        ("Paper", card.paper),
        ("Licence", card.licence),
        ("Records, as published", ", ".join(f"{split} {number}" for split, number in card.sizes.items())),
        ("Known defects", card.defects),
        ("Why a record is set aside", _listed(reader.reasons)),
        ("What is mended, and counted", _listed(reader.mends)),
    ]
    body = "\n\n".join(f"{title}\n{textwrap.indent(_block(text), '  ')}" for title, text in sections if text)
    return f"{card.title}\n{'=' * len(card.title)}\n\n{body}"


def _listed(facts: Mapping[str, str]) -> str:
    return "\n".join(f"{name}: {text}" for name, text in facts.items())


def _block(text: str) -> str:
    return textwrap.dedent(text).strip("\n")
