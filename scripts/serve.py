"""`georsmllm serve`: an OpenAI-compatible server and a web page over one model."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from georsmllm.errors import MissingExtra, UsageError

from .asking import Model, model_options, session_of

if TYPE_CHECKING:
    from georsmllm.serve.asker import Asker
    from georsmllm.serve.settings import Settings

KEY = "GEORSMLLM_API_KEY"
EPILOG = """
\b
Examples:
  georsmllm serve -m models/mine                                then open http://127.0.0.1:8000/
  georsmllm serve -m models/mine --images scenes --sam facebook/sam2.1-hiera-small
  georsmllm serve -m models/mine --host 0.0.0.0 --api-key-file key.txt

\b
From Python, with the unmodified client:
  client = openai.OpenAI(base_url="http://127.0.0.1:8000/v1", api_key="any")
  answer = client.chat.completions.create(model=..., messages=[{"role": "user", "content": [
      {"type": "image_url", "image_url": {"url": "data:image/tiff;base64,..."}},
      {"type": "text", "text": "ships near the pier"}]}])
  answer.choices[0].message.content                    the words
  answer.choices[0].message.georsmllm["geojson"]       where, as GeoJSON; also "findings", "steps", "plan"

\b
A message is split into steps and its objects are found. One that begins with a task's tag ("[caption] ..."), that has no
image, or whose request says "georsmllm": {"mode": "chat"} is plain chat. A visual prompt: {"box": [x1, y1, x2, y2]}.
"""


@click.command(epilog=EPILOG)
@model_options
@click.option("--host", default="127.0.0.1", show_default=True, help="Other addresses open the server to the network.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option("--images", type=click.Path(path_type=Path), metavar="DIR", help="Images that the page offers by name.")
@click.option("--api-key-file", type=click.Path(path_type=Path), metavar="FILE",
              help=f"Whoever asks must know the key in it; or set {KEY}.")  # fmt: skip
@click.option("--max-upload-mb", default=200, show_default=True, type=click.IntRange(min=1), metavar="MB")
@click.option("--max-pixels", default=400, show_default=True, type=click.IntRange(min=1), metavar="MEGAPIXELS",
              help="Of an image that is sent; those of --images may be larger.")  # fmt: skip
@click.option("--queue", default=4, show_default=True, type=click.IntRange(min=0), metavar="N",
              help="Asks that may wait while one is at work; more are sent away (429).")  # fmt: skip
@click.option("--timeout", default=600.0, show_default=True, type=click.FloatRange(min=1), metavar="S",
              help="Longest time of one ask, the wait included.")  # fmt: skip
@click.option("--quiet", "-q", is_flag=True, help="No line for each request.")
def command(
    host: str,
    port: int,
    *,
    images: Path | None,
    api_key_file: Path | None,
    max_upload_mb: int,
    max_pixels: int,
    queue: int,
    timeout: float,
    quiet: bool,
    **chosen: Any,
) -> None:
    """Serve a model on this machine: a web page, and OpenAI's chat API with images, steps and geometry.

    The server listens on localhost unless --host names another address. It fetches nothing; what is sent to it is kept in a
    private folder until it stops.
    """
    _check_installed()
    from georsmllm.serve.settings import MEGA, Settings

    settings = Settings(
        host=host,
        port=port,
        api_key=_key(api_key_file),
        samples=images,
        max_upload_bytes=max_upload_mb * MEGA,
        max_pixels=max_pixels * MEGA,
        queue=queue,
        ask_timeout_s=timeout,
    )
    _log(quiet=quiet)
    _serve(settings, Model(**chosen))


def _serve(settings: Settings, chosen: Model) -> None:
    """Until a signal comes. The address and the folder are checked first, for loading a model takes minutes."""
    from georsmllm.files import folder
    from georsmllm.serve.running import Running, bound

    if settings.samples is not None:
        folder(settings.samples, "a folder of images")
    place = bound(settings)
    with closing(place.socket):
        if not settings.is_local and not settings.api_key:
            warning = "warning: anyone who reaches this address may use the model; set a key with --api-key-file"
            print(warning, file=sys.stderr, flush=True)
        asker = _asker(chosen)
        line = f"{asker.title} at {place.url} (Ctrl-C ends it)"
        running = Running(asker, settings, place, lambda: print(line, flush=True))
        try:
            running.run()
        except KeyboardInterrupt:
            print("stopped", file=sys.stderr, flush=True)


def _asker(chosen: Model) -> Asker:
    return session_of(chosen, say=lambda line: print(line, file=sys.stderr, flush=True))


def _check_installed() -> None:
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtra(str(error.name), "serve", "a server") from None


def _key(path: Path | None) -> str:
    """The key of the file, else of the environment; raises UsageError for one that no header can carry."""
    if path is None:
        key, source = os.environ.get(KEY, ""), KEY
    else:
        try:
            key, source = path.read_text(encoding="utf-8").strip(), str(path)
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"cannot read the key of --api-key-file {path}: {error}") from None
        if not key:
            raise UsageError(f"{path} holds no key; expected one line")
    if key and not (key.isascii() and key.isprintable() and " " not in key):
        raise UsageError(f"the key of {source} is no single word of ASCII letters, digits and signs")
    return key


def _log(*, quiet: bool) -> None:
    """Requests and our own failures go to stderr, one line each."""
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", level=logging.WARNING, stream=sys.stderr)
    logging.getLogger("georsmllm.serve").setLevel(logging.WARNING if quiet else logging.INFO)
