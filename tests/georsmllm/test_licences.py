"""Licence lines in plain words: every term that a line names, and nothing that it does not."""

from __future__ import annotations

import pytest

from georsmllm.discover import converter, converter_names
from georsmllm.licences import PLAIN, hub_name, plain, strictest, terms


@pytest.mark.parametrize(
    ("licence", "found"),
    [
        ("", ("unread",)),
        ("whatever", ("unread",)),
        ("CC0 1.0", ("free",)),
        ("public domain", ("free",)),
        ("CC BY 4.0", ("attribution",)),
        ("cc-by-nc-nd-4.0", ("no_commerce", "no_derivatives", "attribution")),
        ("CC BY-NC-SA 4.0, academic use only", ("no_commerce", "research_only", "share_alike", "attribution")),
        ("non-commercial academic use", ("no_commerce", "research_only")),
        ("academic use only, no commercial use (terms of Google Earth)", ("no_commerce", "research_only")),
        ("free for research and commercial use", ("unread",)),
        ("MIT", ("notice",)),
        ("ODbL 1.0", ("share_alike", "attribution")),
        ("none stated; research use", ("research_only", "unstated")),
        ("Apache-2.0 for the texts; every image by its source", ("notice", "elsewhere")),
        ("that of the dataset at hand; NWPU VHR-10: MIT; iSAID: non-commercial", ("elsewhere",)),
        ("texts CC BY 4.0; CC0 for the masks", ("attribution",)),
        ("SUMMIT images of Assam", ("unread",)),
    ],
)
def test_terms_of_a_line(licence: str, found: tuple[str, ...]) -> None:
    assert terms(licence) == found


@pytest.mark.parametrize("name", converter_names())
def test_the_licence_line_of_every_reader_is_read(name: str) -> None:
    assert "unread" not in terms(converter(name).card.licence)


def test_the_strictest_terms_are_those_of_all() -> None:
    assert strictest([]) == ()
    assert strictest(["CC0 1.0"]) == ("free",)
    assert strictest(["CC0 1.0", "CC BY-SA 4.0", "MIT"]) == ("share_alike", "attribution", "notice")


def test_every_term_is_one_sentence_or_two() -> None:
    assert all(sentence.endswith(".") and sentence[0].isupper() for sentence in PLAIN.values())
    assert plain(("no_commerce", "research_only")) == "No commercial use. Academic and research use only."


@pytest.mark.parametrize(
    ("licences", "name"),
    [
        ([], "other"),
        (["CC BY-NC 4.0"], "cc-by-nc-4.0"),
        (["CC BY 4.0", "CC BY 4.0"], "cc-by-4.0"),
        (["CC BY 4.0", "MIT"], "other"),
        (["CC BY 4.0, academic use only"], "other"),
    ],
)
def test_only_one_whole_known_licence_has_the_hubs_name(licences: list[str], name: str) -> None:
    assert hub_name(licences) == name
