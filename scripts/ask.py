"""`georsmllm ask`: a query about an image, answered in words, boxes, masks and coordinates of the Earth."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from .asking import Model, Terminal, model_options, session_of, stretch_of

if TYPE_CHECKING:
    from georsmllm.result import Result
    from georsmllm.session import ExecutorName

EPILOG = """
\b
Examples:
  georsmllm ask scene.tif "planes on the east bank of the river" -m models/mine -o planes.geojson
  georsmllm ask scene.tif "the two largest storage tanks within 200 m of the quay" -m models/mine -o tanks.gpkg -o tanks.png
  georsmllm ask before.tif after.tif "new buildings larger than 200 square metres" -m models/mine -o new.gpkg
  georsmllm ask port.png "How many ships are longer than the pier?" -m models/mine --sam facebook/sam2.1-hiera-small
  georsmllm ask port.png "[caption] Describe the image." -m models/mine

\b
What comes of it goes by the ending of -o, which may be given more than once:
  .geojson  WGS 84 (RFC 7946), or --crs      .tif   classes as a COG on the image's own grid
  .gpkg     GeoPackage, a layer a step       .png   the picture
  .json     COCO                             .txt   DOTA label lines
  a folder  all of them

\b
A query that begins with a task's tag goes to the model as it is. A killed ask goes on when the same command runs again:
the answers that it had are kept beside the first -o until the files are written.
"""


@click.command(epilog=EPILOG)
@click.argument("images", nargs=-1, required=True, metavar="IMAGE [IMAGE_B]")
@click.argument("query")
@model_options
@click.option(
    "--out", "-o", multiple=True, type=click.Path(path_type=Path), metavar="FILE", help="Where results go; by ending."
)
@click.option("--executor", default="auto", show_default=True, type=click.Choice(["auto", "geometric", "neural"]),
              help="Who decides conditions: geometry where it can, else the model; or one of them alone.")  # fmt: skip
@click.option("--plan", "plan_file", type=click.Path(path_type=Path), metavar="FILE",
              help="Your own plan (as `georsmllm parse --json` prints it) in the place of the planner's.")  # fmt: skip
@click.option("--box", metavar="X1,Y1,X2,Y2", help="A visual prompt: look only at this part, in pixels of the image.")
@click.option("--crs", metavar="CRS", help="Of vector files: an EPSG code, or source for the image's own.")
@click.option("--resample", is_flag=True, help="Warp IMAGE_B onto the grid of IMAGE where theirs differ.")
@click.option("--no-masks", is_flag=True, help="Leave the answer's objects as the model says them.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole result as JSON, and nothing else, on stdout.")
def command(
    images: tuple[str, ...],
    query: str,
    *,
    out: tuple[Path, ...],
    executor: ExecutorName,
    plan_file: Path | None,
    box: str | None,
    crs: str | None,
    resample: bool,
    no_masks: bool,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Answer QUERY about IMAGE, or about a pair of co-registered images.

    The query is split into steps with one condition each; the model finds what the steps speak of, in tiles where the image
    is large, and geometry or the model decides the conditions. Every step is shown as it goes.
    """
    from georsmllm.conversation import box_of
    from georsmllm.loading import plan_of
    from georsmllm.outputs import gpkg
    from georsmllm.outputs.writing import check_crs, check_ending, holds_crs
    from georsmllm.scene import Scene
    from georsmllm.session import Asking

    for file in out:
        if check_ending(file) in ("", ".gpkg"):
            gpkg.check()
    prompt = None if box is None else box_of(box)
    plan = None if plan_file is None else plan_of(_bytes(plan_file))
    model = Model(**chosen)
    screen = Terminal(steps=not as_json)
    journal = _journal(out, images, query)
    asking = Asking(executor, prompt, plan, not no_masks, resample, journal, screen.watch())
    scenes = [Scene(path, stretch=stretch_of(model)) for path in images]  # mistakes are told before a model is loaded
    check_crs(crs, out, [scene.image for scene in scenes])
    session = session_of(model, say=lambda line: print(line, file=sys.stderr, flush=True))
    try:
        result = session.asked(scenes, query, asking)
    finally:
        screen.close()
    _tell(result, as_json=as_json)
    for file in out:
        written = result.save(file, crs=crs if holds_crs(file) else None)
        print(f"wrote {written}", file=sys.stderr if as_json else sys.stdout)
    if journal is not None:
        journal.unlink(missing_ok=True)
    for scene in scenes:
        scene.close()


def _tell(result: Result, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(result.to_dict()), indent=2).decode() + "\n")
        return
    print(result.text)
    if result.maker.decoder:
        print(f"masks: {result.maker.decoder}")


def _journal(out: tuple[Path, ...], images: tuple[str, ...], query: str) -> Path | None:
    """Beside the first output, named by the question: another question never meets its answers."""
    if not out:
        return None
    name = hashlib.blake2b("\0".join((*images, query)).encode(), digest_size=8).hexdigest()
    return out[0].parent / f".{out[0].name}.{name}.answers.jsonl"


def _bytes(path: Path) -> bytes:
    from georsmllm.errors import UsageError

    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read the plan {path}: {error.strerror}") from None
