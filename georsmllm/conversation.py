"""A conversation about images, line by line: queries are asked, commands begin with a slash, results can be kept.

Nothing here knows a terminal: lines come in by `handle`, what is to be shown goes out by `show`.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from georsmllm.discover import nearest
from georsmllm.errors import UsageError
from georsmllm.found import Watch
from georsmllm.session import Asking
from georsmllm.types import Message

if TYPE_CHECKING:
    from georsmllm.result import Result
    from georsmllm.scene import Scene
    from georsmllm.session import Session

HELP = """\
Type what you look for: planes on the east bank of the river
  /image FILE [FILE_B]   look at another image, or at a pair
  /box X1,Y1,X2,Y2       a visual prompt: look only there (pixels); /box alone takes it back
  /mask [FILE.png]       draw the last answer's masks into a picture (answer.png)
  /save FILE             keep the last answer: .geojson .gpkg .tif .png .json .txt, or a folder
  /steps                 the last answer's steps once more
  /say WORDS             let the model speak freely, with the conversation so far
  /history               what was asked and answered
  /help  /quit\
"""
COMMANDS = ("image", "box", "mask", "save", "steps", "say", "history", "help", "quit")
MAX_REMEMBERED = 20
"""Turns that a free reply is given: the newest ones, so that a prompt stays short."""


@dataclass(slots=True)
class Conversation:
    """show: prints a line. write: prints a piece of a reply as it comes. told: steps in one line each. Ends when `is_over`."""

    session: Session
    show: Callable[[str], None]
    write: Callable[[str], None]
    watch: Watch
    scenes: tuple[Scene, ...] = ()
    box: tuple[float, float, float, float] | None = None
    turns: list[tuple[str, str]] = field(default_factory=list)
    result: Result | None = None
    max_new_tokens: int = 512
    is_over: bool = False

    def look_at(self, paths: Sequence[str]) -> None:
        """Other images from now on. Raises UsageError, and keeps the old ones then."""
        self.take(tuple(self.session.scene(Path(path).expanduser()) for path in paths))

    def take(self, scenes: tuple[Scene, ...]) -> None:
        """The conversation starts anew about one image, or a pair. Raises UsageError for any other number."""
        if not 1 <= len(scenes) <= 2:
            raise UsageError(f"expected one image, or two of a pair; got {len(scenes)}")
        for old in self.scenes:
            old.close()
        self.scenes, self.box, self.result = scenes, None, None
        self.turns.clear()
        for scene in scenes:
            self.show(repr(scene))
            for notice in scene.notices:
                self.show(f"note: {notice}")

    def handle(self, line: str) -> None:
        """Whatever a line asks for. Raises UsageError for what cannot be done; the conversation goes on after it."""
        line = line.strip()
        if not line:
            return
        if not line.startswith("/"):
            self._ask(line)
            return
        name, _, words = line[1:].partition(" ")
        if name not in COMMANDS:
            raise UsageError(f"no command is called /{name[:20]}; {nearest(name[:20], COMMANDS)}; /help tells them")
        {
            "image": lambda: self.look_at(_split(words)),
            "box": lambda: self._set_box(words),
            "mask": lambda: self._keep(words.strip() or "answer.png", only=".png"),
            "save": lambda: self._keep(words.strip()),
            "steps": self._show_steps,
            "say": lambda: self._say(words.strip()),
            "history": self._show_history,
            "help": lambda: self.show(HELP),
            "quit": self._end,
        }[name]()

    def _ask(self, query: str) -> None:
        self._needs_image()
        asking = Asking(box=self.box, watch=self.watch)
        self.result = self.session.asked(self.scenes, query, asking)
        self.show(self.result.text)
        if self.result.maker.decoder:
            self.show(f"masks: {self.result.maker.decoder}")
        self.turns.append((query, self.result.text))

    def _say(self, words: str) -> None:
        self._needs_image()
        if not words:
            raise UsageError("/say takes what you want to say, such as /say Describe the image.")
        messages: list[Message] = []
        for question, answer in self.turns[-MAX_REMEMBERED:]:
            messages += [Message("user", question), Message("assistant", answer)]
        said = ""
        for piece in self.session.say(
            [*messages, Message("user", words)], self.scenes, max_new_tokens=self.max_new_tokens
        ):
            self.write(piece)
            said += piece
        self.write("\n")
        self.turns.append((words, said))

    def _set_box(self, words: str) -> None:
        if not words.strip():
            self.box = None
            self.show("looking at the whole image")
            return
        self.box = box_of(words)
        self.show("looking at {:g},{:g} to {:g},{:g}".format(*self.box))

    def _keep(self, words: str, *, only: str = "") -> None:
        if self.result is None:
            raise UsageError("nothing was asked yet, so there is nothing to keep")
        paths = _split(words)
        if len(paths) != 1:
            raise UsageError("expected one file, such as /save answer.geojson")
        path = Path(paths[0]).expanduser()
        if only and path.suffix.lower() != only:
            raise UsageError(f"{path.name}: expected a picture, such as answer.png; /save keeps other files")
        self.show(f"wrote {self.result.save(path)}")

    def _show_steps(self) -> None:
        if self.result is None:
            raise UsageError("nothing was asked yet, so there are no steps")
        for step in self.result.outcome.steps:
            self.watch.step(step)

    def _show_history(self) -> None:
        for number, (question, answer) in enumerate(self.turns, start=1):
            self.show(f"{number}. {question}\n   {answer}")
        if not self.turns:
            self.show("nothing was asked yet")

    def _end(self) -> None:
        self.is_over = True

    def _needs_image(self) -> None:
        if not self.scenes:
            raise UsageError("no image yet; /image FILE opens one")


def box_of(words: str) -> tuple[float, float, float, float]:
    """A visual prompt as a person types it; raises UsageError."""
    try:
        x1, y1, x2, y2 = (float(one) for one in words.split(","))
    except ValueError:
        raise UsageError(
            f"box {words[:40]}: expected x1,y1,x2,y2 in pixels of the image, such as 120,80,360,240"
        ) from None
    return x1, y1, x2, y2


def _split(words: str) -> list[str]:
    try:
        return shlex.split(words)
    except ValueError as error:
        raise UsageError(f"{words[:60]}: {error}; close the quotes") from None
