"""A conversation line by line: queries, commands, and mistakes that do not end it."""

from __future__ import annotations

import pytest
from blobs import painted
from test_session import EAST, WORLD, session

from georsmllm.conversation import COMMANDS, HELP, Conversation, box_of
from georsmllm.errors import UsageError
from georsmllm.found import Watch


class Told:
    """A conversation, and what it showed."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.pieces: list[str] = []
        self.steps: list[str] = []
        self.talk = Conversation(
            session()[0], self.lines.append, self.pieces.append, Watch(step=lambda step: self.steps.append(step.id))
        )

    def handle(self, *lines: str) -> list[str]:
        """What the lines showed."""
        del self.lines[:]
        for line in lines:
            self.talk.handle(line)
        return self.lines


@pytest.fixture
def told(tmp_path, monkeypatch) -> Told:
    painted((400, 300), WORLD).save(tmp_path / "scene.png")
    painted((64, 64), []).save(tmp_path / "bare one.png")
    monkeypatch.chdir(tmp_path)
    return Told()


def test_nothing_is_said_of_an_empty_line(told):
    assert told.handle("   ") == []


def test_a_query_needs_an_image_first(told):
    for line in ("planes", "/say hello"):
        with pytest.raises(UsageError, match="/image FILE opens one"):
            told.handle(line)


def test_a_query_is_answered_and_remembered(told):
    assert told.handle("/image scene.png")[0].startswith("Scene(")
    assert told.handle(EAST) == ["2 airplanes.", "masks: filled shapes (no segmentation model)"]
    assert told.steps == ["s1", "s2", "s3"]
    assert told.handle("/history") == [f"1. {EAST}\n   2 airplanes."]


def test_steps_can_be_shown_once_more(told):
    told.handle("/image scene.png", "planes", "/steps")
    assert told.steps == ["s1", "s1"]


def test_the_last_answer_is_kept_as_picture_and_as_file(told, tmp_path):
    told.handle("/image scene.png", "planes")
    assert told.handle("/mask", "/save out.json") == ["wrote answer.png", "wrote out.json"]
    assert (tmp_path / "answer.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "out.json").exists()
    with pytest.raises(UsageError, match="expected a picture"):
        told.handle("/mask out.tif")
    with pytest.raises(UsageError, match="expected one file"):
        told.handle("/save")


def test_another_image_starts_anew_and_a_missing_one_changes_nothing(told):
    told.handle("/image scene.png", "planes")
    with pytest.raises(UsageError, match=r"missing\.png"):
        told.handle("/image missing.png")
    assert told.handle("How many planes are there?") == ["3 airplanes."]
    told.handle("/image 'bare one.png'")
    assert told.handle("/history") == ["nothing was asked yet"]
    with pytest.raises(UsageError, match="nothing was asked yet"):
        told.handle("/save a.json")


def test_a_visual_prompt_holds_until_it_is_taken_back(told):
    told.handle("/image scene.png")
    assert told.handle("/box 280,190,380,220", "How many planes are there?") == [
        "looking at 280,190 to 380,220",
        "1 airplane.",
    ]
    assert told.handle("/box", "How many planes are there?") == ["looking at the whole image", "3 airplanes."]


def test_a_free_reply_comes_in_pieces_and_is_remembered(told):
    told.handle("/image scene.png", "planes", "/say What season is it?")
    assert told.pieces == ["A p", "lai", "n.", "\n"]
    assert told.handle("/history")[1] == "2. What season is it?\n   A plain."


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("/sav x", "no command is called /sav; did you mean save"),
        ("/image", "expected one image"),
        ("/image scene.png scene.png scene.png", "got 3"),
        ("/image 'a", "close the quotes"),
        ("/box 1,2,3", "expected x1,y1,x2,y2"),
        ("/say", "takes what you want to say"),
        ("/steps", "nothing was asked yet"),
    ],
)
def test_a_mistake_is_one_line_and_the_conversation_goes_on(told, line, message):
    if line == "/say":
        told.handle("/image scene.png")
    with pytest.raises(UsageError, match=message):
        told.handle(line)
    assert not told.talk.is_over


def test_help_names_every_command(told):
    assert told.handle("/help") == [HELP]
    assert [name for name in COMMANDS if f"/{name}" not in HELP] == []


def test_it_ends_when_it_is_told_to(told):
    told.handle("/quit")
    assert told.talk.is_over


def test_a_box_is_four_numbers():
    assert box_of("1,2, 3.5,4") == (1.0, 2.0, 3.5, 4.0)
