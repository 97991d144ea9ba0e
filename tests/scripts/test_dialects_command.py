"""`georsmllm dialects`: every dialect in a list, and the declaration of one."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from georsmllm.discover import dialect_names
from georsmllm.errors import UsageError
from georsmllm.scripts.dialects import command


def test_the_list_names_every_dialect() -> None:
    listed = CliRunner().invoke(command, []).output
    names = dialect_names()
    assert [line.split()[0] for line in listed.splitlines()[: len(names)]] == list(names)


@pytest.mark.parametrize("name", dialect_names())
def test_a_declaration_tells_what_the_numbers_are(name: str) -> None:
    told = CliRunner().invoke(command, [name]).output
    for heading in ("says", "frame", "span", "rounding", "corners", "angle", "source"):
        assert f"\n{heading} " in told


def test_numbers_of_the_resized_view_are_shown_for_one() -> None:
    assert "1024x768 px ends at 1036, 756" in CliRunner().invoke(command, ["qwen2_5_vl"]).output


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean geochat"):
        CliRunner().invoke(command, ["geo_chat"], catch_exceptions=False)
