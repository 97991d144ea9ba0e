"""`georsmllm.load`: a model from its folder as a session that is asked, with the planner and executor of this package.

The one module of the library that knows a wing: it binds the default parser, as `__main__` binds the command line.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from georsmllm.decoders import POLYGONS, decoder_of
from georsmllm.errors import UsageError
from georsmllm.images import AUTO, Stretch
from georsmllm.looking import Viewing
from georsmllm.parser.planning import Language, planner_of
from georsmllm.sam_settings import USUAL, Settings

if TYPE_CHECKING:
    from georsmllm.found import Eyes, Outcome, Watch
    from georsmllm.session import ExecutorName, Made, MakePlan, Session, Unplanned


def load(
    model: str | Path,
    *,
    adapter: str | Path | None = None,
    sam: str | Path = POLYGONS,
    planner: Language | None = None,
    device: str = "auto",
    dtype: Literal["auto", "bfloat16", "float32"] = "auto",
    viewing: Viewing | None = None,
    stretch: Stretch = AUTO,
    masks: Settings = USUAL,
    say: Callable[[str], None] = lambda _: None,
) -> Session:
    """A model (a folder, an adapter's folder, or a hub id) that answers queries about images.

    sam: a SAM 2 model for masks (folder, hub id, or Meta's .pt file), asked as `masks` says, or "polygons" to fill what the
    model says. say: is told of loading that takes long. Raises UsageError.
    """
    from georsmllm import predicting
    from georsmllm.discover import task
    from georsmllm.model.needs import require
    from georsmllm.model.soundness import identity
    from georsmllm.predictions import fingerprint
    from georsmllm.result import Maker
    from georsmllm.session import Session

    viewing = viewing or Viewing()
    make_plan = planning(planner or Language())
    weights = predicting.weights_of(str(model), None if adapter is None else Path(adapter), merged=False)
    require("answering")
    from georsmllm.devices import device_and_dtype

    place, kind = device_and_dtype(device, dtype)
    if str(sam) != POLYGONS:
        say(f"loading {sam}")
    decoder = decoder_of(sam, device=place, settings=masks)
    say(f"loading {weights.base}")
    engine = predicting.generator(weights, dtype=kind, device=place, batch_size=viewing.batch_size, workers=2, say=say)
    maker = Maker(
        model=fingerprint(weights.base, weights=identity(weights.base)),
        adapter=fingerprint(weights.adapter) if weights.adapter else "",
        version=version("georsmllm"),
    )
    return Session(
        engine,
        title=_title((weights.adapter or weights.base).absolute()),
        maker=maker,
        make_plan=make_plan,
        execute=executed,
        decoder=decoder,
        task_of=task,
        viewing=viewing,
        stretch=stretch,
    )


def _title(folder: Path) -> str:
    """A model's name for people: that of its folder, of a run's that of the run."""
    return folder.parent.name if folder.name == "final" else folder.name


def planning(language: Language) -> MakePlan:
    """A planner as a session takes it."""
    from georsmllm.parser.planner import NoCondition
    from georsmllm.session import Made, Unplanned

    planner = planner_of(language)

    def make_plan(query: str, num_images: int) -> Made | Unplanned:
        try:
            planned = planner.plan(query, num_images=num_images)
        except NoCondition as none:
            return Unplanned(str(none))
        return Made(planned.plan, msgspec.to_builtins(planned.plan), planned.planner, planned.notices)

    return make_plan


def plan_of(text: str | bytes) -> Made:
    """A plan that a person wrote, as JSON; raises UsageError."""
    from georsmllm.parser.plan import BadPlan, read
    from georsmllm.session import Made

    try:
        plan = read(text)
    except BadPlan as bad:
        raise UsageError(f"the plan: {bad}") from None
    return Made(plan, msgspec.to_builtins(plan), "by hand")


def executed(plan: object, eyes: Eyes, executor: ExecutorName, watch: Watch) -> Outcome:
    """The outcome of a plan."""
    from georsmllm.parser.execute import execute
    from georsmllm.parser.plan import Plan

    assert isinstance(plan, Plan)
    return execute(plan, eyes, executor=executor, watch=watch)
