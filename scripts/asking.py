"""What `ask`, `chat` and `serve` share: the options that say which model answers and how, and the steps as they go."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click
import msgspec

if TYPE_CHECKING:
    from georsmllm.found import StepTrace, Watch
    from georsmllm.images import Stretch
    from georsmllm.parser.planning import Language
    from georsmllm.session import Session

F = TypeVar("F", bound=Callable[..., Any])
LLM_KEYS = ("GEORSMLLM_LLM_API_KEY", "OPENAI_API_KEY")


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """The options of `model_options`, by their names."""

    model: str
    adapter: Path | None
    sam: str
    multimask: Literal["auto", "on", "off"]
    clip: bool
    planner: str
    llm_url: str
    llm_model: str
    llm_timeout: float
    tile_size: int
    overlap: int | None
    max_new_tokens: int
    batch_size: int
    free: bool
    upright: bool
    percentiles: str | None
    device: str
    dtype: str


def model_options(command: F) -> F:
    """Options of a command that loads a model to ask it; they come as keywords, `Model` takes them all."""
    options = (
        click.option("--model", "-m", required=True, envvar="GEORSMLLM_MODEL", metavar="DIR",
                     help="A model's or adapter's folder, or a hub id; or set GEORSMLLM_MODEL."),
        click.option("--adapter", type=click.Path(path_type=Path), metavar="DIR", help="An adapter to put on the model."),
        click.option("--sam", default="polygons", show_default=True, metavar="MODEL",
                     help="Makes masks: a SAM 2 model (facebook/sam2.1-hiera-small, a folder, Meta's .pt file), or "
                     "polygons: fill what the model says."),
        click.option("--multimask", default="auto", show_default=True, type=click.Choice(["auto", "on", "off"]),
                     help="SAM 2 makes three masks for each prompt and the best guess is kept; auto: for lone points."),
        click.option("--clip", is_flag=True, help="SAM 2's masks end at their boxes."),
        click.option("--planner", default="auto", show_default=True, type=click.Choice(["auto", "embedded", "llm"]),
                     help="Who splits the query into steps; auto: a language model where --llm-url names a server."),
        click.option("--llm-url", default="", envvar="GEORSMLLM_LLM_URL", metavar="URL",
                     help="An OpenAI-compatible server, such as http://localhost:11434/v1."),
        click.option("--llm-model", default="", envvar="GEORSMLLM_LLM_MODEL", metavar="NAME", help="A model there."),
        click.option("--llm-timeout", default=60.0, show_default=True, type=click.FloatRange(min=0.1), metavar="S"),
        click.option("--tile-size", default=1024, show_default=True, type=click.IntRange(min=64), metavar="PX",
                     help="Larger images are shown tile by tile."),
        click.option("--overlap", type=click.IntRange(min=0), metavar="PX",
                     help="What neighbouring tiles share; more than objects are long.  [default: a fifth of the tile]"),
        click.option("--max-new-tokens", default=1024, show_default=True, type=click.IntRange(min=16), metavar="N"),
        click.option("--batch-size", default=8, show_default=True, type=click.IntRange(min=1), metavar="N",
                     help="Tiles asked at once."),
        click.option("--free", is_flag=True, help="Let the model write freely; unreadable answers are counted."),
        click.option("--upright", is_flag=True, help="Ask for upright boxes; for models trained on nothing else."),
        click.option("--percentiles", metavar="LOW,HIGH",
                     help="Stretch 8-bit bands, too, between two percentiles of the file; wider ones always are (2,98)."),
        click.option("--device", default="auto", show_default=True, metavar="NAME", help="auto: the GPU, or cpu."),
        click.option("--dtype", default="auto", show_default=True, type=click.Choice(["auto", "bfloat16", "float32"])),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def session_of(chosen: Model, *, say: Callable[[str], None]) -> Session:
    """The session of these options; raises UsageError."""
    from georsmllm.errors import UsageError
    from georsmllm.loading import load
    from georsmllm.looking import Viewing
    from georsmllm.sam_settings import Settings

    overlap = chosen.tile_size // 5 if chosen.overlap is None else chosen.overlap
    if overlap >= chosen.tile_size:
        raise UsageError(f"--overlap {overlap} is not less than --tile-size {chosen.tile_size}")
    viewing = Viewing(
        tile_px=chosen.tile_size,
        overlap_px=overlap,
        pair_tile_px=min(Viewing().pair_tile_px, chosen.tile_size),
        max_new_tokens=chosen.max_new_tokens,
        constrained=not chosen.free,
        upright=chosen.upright,
        batch_size=chosen.batch_size,
    )
    return load(
        chosen.model,
        adapter=chosen.adapter,
        sam=chosen.sam,
        planner=language_of(chosen.planner, chosen.llm_url, chosen.llm_model, chosen.llm_timeout, cache=cache_folder()),
        device=chosen.device,
        dtype=chosen.dtype,  # type: ignore[arg-type]
        viewing=viewing,
        stretch=stretch_of(chosen),
        masks=Settings(chosen.multimask, chosen.clip),
        say=say,
    )


def language_of(name: str, url: str, model: str, timeout_s: float, *, cache: Path | None) -> Language:
    """The planner of these options; the key comes from the environment alone."""
    from georsmllm.parser.planning import Language

    key = next((os.environ[name] for name in LLM_KEYS if os.environ.get(name)), "")
    return Language(name, url, model, key, timeout_s, cache)  # type: ignore[arg-type]


def cache_folder() -> Path:
    """Where plans of a language model are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "georsmllm" / "plans"


def stretch_of(chosen: Model) -> Stretch:
    """How the values of images become colours; raises UsageError."""
    from georsmllm.errors import UsageError
    from georsmllm.images import AUTO, Stretch

    percentiles = chosen.percentiles
    if percentiles is None:
        return AUTO
    try:
        low, high = (float(one) for one in percentiles.split(","))
    except ValueError:
        raise UsageError(f"--percentiles {percentiles}: expected two numbers, such as 2,98") from None
    if not 0 <= low < high <= 100:
        raise UsageError(f"--percentiles {percentiles}: expected 0 <= LOW < HIGH <= 100")
    return Stretch("percentile", low, high)


def shown(step: StepTrace) -> str:
    """A step in two lines: its question; what came of it, why, who decided, and how long it took."""
    role = " (anchor)" if step.role == "anchor" else ""
    why = f" [{step.reason}]" if step.reason else ""
    text = re.sub(r"\{(s[0-9]+)\}", r"\1", step.text)
    return f"{step.id:>4}  {text}{role}\n      {_came(step)}{why}  ({step.how}, {step.seconds:.1f} s)"


def _came(step: StepTrace) -> str:
    """What a step came to: its note, which has the numbers, else the value or the counts."""
    if step.note:
        return step.note
    if step.value is not None:
        return ", ".join(map(str, step.value)) if isinstance(step.value, tuple) else str(step.value)
    return f"kept {len(step.outputs)} of {len(step.inputs)}" if step.inputs else f"found {len(step.outputs)}"


class Terminal:
    """Shows an ask as it goes: steps and notices as lines, tiles as a bar on stderr where a person watches."""

    def __init__(self, *, steps: bool = True) -> None:
        self._steps = steps
        self._bar: Any = None
        self._what = ""

    def watch(self) -> Watch:
        """What an ask calls."""
        from georsmllm.found import Watch

        return Watch(step=self._step, progress=self._progress, notice=self._notice)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _step(self, step: StepTrace) -> None:
        self.close()
        if self._steps:
            print(shown(step), flush=True)

    def _notice(self, line: str) -> None:
        self.close()
        print(f"note: {line}", file=sys.stderr, flush=True)

    def _progress(self, what: str, done: int, total: int) -> None:
        from .progress import bar

        if self._bar is None or self._what != what:
            self.close()
            self._bar, self._what = bar(what, total), what
        self._bar.update(done - self._bar.n)
