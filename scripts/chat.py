"""`georsmllm chat`: a conversation about an image in the terminal."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from georsmllm.errors import UsageError

from .asking import Model, Terminal, model_options, session_of, stretch_of

EPILOG = """
\b
Examples:
  georsmllm chat scene.tif -m models/mine
  georsmllm chat before.tif after.tif -m models/mine --sam facebook/sam2.1-hiera-small
  printf 'ships near the pier\\n/save ships.geojson\\n' | georsmllm chat port.png -m models/mine

\b
In it: /image FILE [FILE_B]   /box X1,Y1,X2,Y2   /mask [FILE.png]   /save FILE   /steps   /say WORDS   /history   /quit
Ctrl-C ends an answer that takes too long, and the conversation when nothing is asked.
"""
HISTORY_LINES = 1000


@click.command(epilog=EPILOG)
@click.argument("images", nargs=-1, metavar="[IMAGE [IMAGE_B]]")
@model_options
@click.option("--no-steps", is_flag=True, help="Only the answers; /steps shows the last one's steps all the same.")
def command(images: tuple[str, ...], *, no_steps: bool, **chosen: Any) -> None:
    """Ask about IMAGE (or a pair) in a conversation: every line is a query, its steps are shown as they go."""
    from georsmllm.conversation import Conversation
    from georsmllm.scene import Scene

    model = Model(**chosen)
    scenes = tuple(
        Scene(path, stretch=stretch_of(model)) for path in images
    )  # a mistake is told before a model is loaded
    session = session_of(model, say=lambda line: print(line, file=sys.stderr, flush=True))
    screen = Terminal(steps=not no_steps)
    talk = Conversation(
        session,
        show=lambda line: print(line, flush=True),
        write=lambda piece: print(piece, end="", flush=True),
        watch=screen.watch(),
    )
    if scenes:
        talk.take(scenes)
    history = _line_editing()
    if sys.stdin.isatty():
        print("type what you look for; /help tells the commands, /quit ends")
    try:
        while not talk.is_over:
            try:
                line = input("> " if sys.stdin.isatty() else "")
            except (EOFError, KeyboardInterrupt):
                break
            _handled(talk, line, screen)
    finally:
        _keep(history)


def _handled(talk: Any, line: str, screen: Terminal) -> None:
    """One line; what goes wrong is said, and the conversation goes on."""
    try:
        talk.handle(line)
    except UsageError as error:
        print(f"georsmllm: {error}", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr, flush=True)
    finally:
        screen.close()


def _line_editing() -> Path | None:
    """Arrows, and the lines of earlier conversations, where a person types; None where there is nothing to keep."""
    if not sys.stdin.isatty():
        return None
    try:
        import readline
    except ImportError:  # Windows has none
        return None
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    path = state / "georsmllm" / "chat_history"
    with suppress(OSError):
        readline.read_history_file(path)
    readline.set_history_length(HISTORY_LINES)
    return path


def _keep(history: Path | None) -> None:
    if history is None:
        return
    import readline

    with suppress(OSError):  # a home that cannot be written to loses its history, nothing else
        history.parent.mkdir(parents=True, exist_ok=True)
        readline.write_history_file(history)
