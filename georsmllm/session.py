"""A loaded model that answers queries about images: the query is planned, the plan is walked, the outcome is told.

Planner and executor are wings of the house and are handed in; `georsmllm.load` puts the real ones in.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from georsmllm import phrasing
from georsmllm.answering import Decoding, posed
from georsmllm.errors import UsageError
from georsmllm.found import AnswerType, Finding, Outcome, StepTrace, Watch
from georsmllm.looking import Looking, Viewing
from georsmllm.pairs import check as check_grids
from georsmllm.pairs import resampled
from georsmllm.phrasing import TaskOf, Worded
from georsmllm.pointtext import encode
from georsmllm.recalling import Recalling, Speaker
from georsmllm.result import Maker, Result
from georsmllm.scene import Scene
from georsmllm.telling import tell
from georsmllm.types import Message, Window, box
from georsmllm.viewports import whole

if TYPE_CHECKING:
    from georsmllm.found import Eyes
    from georsmllm.images import Stretch
    from georsmllm.maskdecoder import MaskDecoder
    from georsmllm.scene import Picture

ExecutorName = Literal["auto", "geometric", "neural"]
MAX_QUERY = 2000
"""Characters; whoever asks more means a document."""
_SETS: tuple[AnswerType, ...] = ("boxes", "masks", "change_mask")


class Made(NamedTuple):
    """A plan and who made it. plan: as the executor takes it; data: the same as JSON-able values."""

    plan: object
    data: object
    planner: str
    notices: tuple[str, ...] = ()


class Unplanned(NamedTuple):
    """Why a query has no plan, and what its planner has to say."""

    why: str
    notices: tuple[str, ...] = ()


MakePlan = Callable[[str, int], Made | Unplanned]
"""(query, number of images) -> its plan."""
Execute = Callable[[object, "Eyes", ExecutorName, Watch], Outcome]


@dataclass(frozen=True, slots=True)
class Asking:
    """How one query is asked. box: a visual prompt, x1, y1, x2, y2 in scene pixels: only what lies inside is looked at.
    plan: in the place of the planner's. masks: the answer's objects are outlined by the mask decoder. resample: a second
    image on another grid is warped onto the first one's. journal: where answers outlive a killed ask."""

    executor: ExecutorName = "auto"
    box: tuple[float, float, float, float] | None = None
    plan: Made | None = None
    masks: bool = True
    resample: bool = False
    journal: Path | None = None
    watch: Watch = field(default_factory=Watch)


class Session:
    """A model that is asked. title: its name for people. maker: hashes of model and adapter, title of the mask decoder."""

    def __init__(
        self,
        engine: Speaker,
        *,
        title: str,
        maker: Maker,
        make_plan: MakePlan,
        execute: Execute,
        decoder: MaskDecoder,
        task_of: TaskOf,
        viewing: Viewing,
        stretch: Stretch,
    ) -> None:
        self.title = title
        self.maker = maker
        self.viewing = viewing
        self._engine = engine
        self._make_plan = make_plan
        self._execute = execute
        self._decoder = decoder
        self._task_of = task_of
        self._stretch = stretch

    def ask(
        self,
        image: Picture | Scene,
        query: str,
        *,
        image_b: Picture | Scene | None = None,
        box: tuple[float, float, float, float] | None = None,
        executor: ExecutorName = "auto",
        watch: Watch | None = None,
    ) -> Result:
        """The answer to a query about an image, or about a pair of co-registered ones. Raises UsageError for a picture that
        cannot be read, a pair that does not fit, a query that is empty or too long."""
        scenes = [self.scene(one) for one in (image, image_b) if one is not None]
        return self.asked(scenes, query, Asking(executor=executor, box=box, watch=watch or Watch()))

    def asked(self, scenes: Sequence[Scene], query: str, asking: Asking) -> Result:
        """The same with every setting."""
        query = _checked(query)
        scenes = _registered(scenes, resample=asking.resample)
        area = None if asking.box is None else _window(asking.box, scenes[0].size_wh)
        who = f"{self.maker.model} {self.maker.adapter}"
        engine = Recalling(self._engine, who=who, journal=asking.journal, tick=asking.watch.tick)
        looking = Looking(
            scenes, engine, self._decoder, task_of=self._task_of, viewing=self.viewing, area=area, watch=asking.watch
        )
        notices = [line for scene in scenes for line in scene.notices]
        for line in dict.fromkeys(notices):
            asking.watch.notice(line)
        tag = phrasing.tagged(query)
        if tag is not None and asking.plan is None:
            outcome = _direct(looking, phrasing.as_it_is(*tag, task_of=self._task_of), asking.watch)
            return self._result(query, scenes, self._masked(outcome, looking, asking), None, notices)
        made = asking.plan or self._make_plan(query, len(scenes))
        for line in made.notices:
            notices.append(line)
            asking.watch.notice(line)
        if isinstance(made, Unplanned):
            notices.append(f"{made.why}; the model was asked in words")
            asking.watch.notice(notices[-1])
            outcome = self._in_words(looking, query, asking)
            return self._result(query, scenes, outcome, None, notices)
        asking.watch.plan(made.data)
        outcome = self._execute(made.plan, looking, asking.executor, asking.watch)
        return self._result(query, scenes, self._masked(outcome, looking, asking), made, notices)

    def say(
        self, messages: Sequence[Message], images: Sequence[Scene], *, max_new_tokens: int, temperature: float = 0.0
    ) -> Iterator[str]:
        """A reply to a conversation, piece by piece, without plan or tools. The first question shows the images."""
        from PIL import Image

        if all(one.role != "user" for one in messages):
            raise UsageError("a conversation without a question; expected a message of the user")
        if messages[-1].role == "assistant":
            raise UsageError("the conversation ends with an answer; expected a question at its end")
        size = self.viewing.tile_px
        views = [whole(Window(0, 0, *scene.size_wh), size) for scene in images]
        seen = [Image.fromarray(one.read(None, view.size_wh)) for one, view in zip(images, views, strict=True)]
        return self._engine.pieces(posed(messages, seen, name="chat"), Decoding(max_new_tokens, temperature))

    def scene(self, picture: Picture | Scene) -> Scene:
        """A picture as a scene, its values stretched as this session's settings say."""
        return picture if isinstance(picture, Scene) else Scene(picture, stretch=self._stretch)

    def _in_words(self, looking: Looking, query: str, asking: Asking) -> Outcome:
        """The model's own words about the whole scene, or about the place that is marked."""
        num = len(looking.scenes)
        if asking.box is None:
            return _direct(looking, phrasing.plain(query, num_images=num, task_of=self._task_of), asking.watch)
        size = looking.scenes[0].size_wh
        unlimited = looking.everywhere()
        region = encode((box(*_inside(asking.box, size)),), size)
        return _direct(unlimited, phrasing.marked(region, num_images=num, task_of=self._task_of), asking.watch)

    def _masked(self, outcome: Outcome, looking: Looking, asking: Asking) -> Outcome:
        if not asking.masks or outcome.answer_type not in _SETS or not outcome.findings:
            return outcome
        findings = looking.outlined(outcome.findings)
        made = {one.id: one for one in findings}
        layers = tuple((name, tuple(made.get(one.id, one) for one in layer)) for name, layer in outcome.layers)
        return replace(outcome, findings=findings, layers=layers)

    def _result(
        self, query: str, scenes: Sequence[Scene], outcome: Outcome, made: Made | None, notices: Sequence[str]
    ) -> Result:
        has_masks = any(one.mask_scene is not None for _, layer in outcome.layers for one in layer)
        has_masks = has_masks or any(one.mask_scene is not None for one in outcome.findings)
        maker = replace(
            self.maker,
            planner=made.planner if made else "",
            decoder=self._decoder.title if has_masks else "",
        )
        text = tell(outcome, [scene.image for scene in scenes])
        unique = tuple(dict.fromkeys(notices))
        return Result(query, tuple(scenes), outcome, text, made.data if made else None, maker, unique)


def _direct(looking: Looking, worded: Worded, watch: Watch) -> Outcome:
    """One question to the model, without a plan."""
    since = time.perf_counter()
    last = len(looking.scenes) - 1
    findings: tuple[Finding, ...] = ()
    text = reason = note = ""
    if worded.kinds and last == 0:
        seen = looking.heard(worded, 0, "s1")
        findings, note = seen.findings, seen.note
        reason = "" if findings else "UNREADABLE" if seen.unreadable == seen.views else "NOTHING_FOUND"
    else:
        text = looking.words(worded, range(last + 1)).text
    step = StepTrace(
        "s1",
        worded.task,
        "target",
        worded.words,
        "model",
        outputs=tuple(one.id for one in findings),
        value=text or None,
        reason=reason,
        note=note,
        seconds=time.perf_counter() - since,
    )
    watch.step(step)
    if worded.kinds and last == 0:
        kind: AnswerType = "masks" if worded.task == "seg" else "boxes"
        return Outcome(kind, findings, None, reason, (step,), (("s1", findings),))
    return Outcome("text", (), text, "", (step,))


def _checked(query: str) -> str:
    words = " ".join(query.split())
    if not words:
        raise UsageError('an empty query; ask for something that the image may show, such as "ships near the pier"')
    if len(words) > MAX_QUERY:
        raise UsageError(f"a query of {len(words)} characters; at most {MAX_QUERY} are read")
    return words


def _registered(scenes: Sequence[Scene], *, resample: bool) -> list[Scene]:
    """One scene as it is; of a pair the second on the grid of the first."""
    if not 1 <= len(scenes) <= 2:
        raise UsageError(f"{len(scenes)} images; expected one, or two of one place")
    if len(scenes) == 1:
        return list(scenes)
    first, second = scenes
    if resample:
        return [first, resampled(second, like=first)]
    check_grids(first, second)
    return [first, second]


def _inside(box: tuple[float, float, float, float], size_wh: tuple[int, int]) -> tuple[float, float, float, float]:
    """A visual prompt cut to the image, its corners in order; raises UsageError for one without area there."""
    if not all(math.isfinite(value) for value in box):
        raise UsageError(f"box {box}: expected four finite numbers x1, y1, x2, y2 in pixels of the image")
    (x1, x2), (y1, y2) = sorted((box[0], box[2])), sorted((box[1], box[3]))
    x1, x2 = (min(max(x, 0.0), size_wh[0]) for x in (x1, x2))
    y1, y2 = (min(max(y, 0.0), size_wh[1]) for y in (y1, y2))
    if x2 - x1 < 1 or y2 - y1 < 1:
        raise UsageError(f"box {box} covers less than a pixel of the image, which is {size_wh[0]} x {size_wh[1]} px")
    return x1, y1, x2, y2


def _window(box: tuple[float, float, float, float], size_wh: tuple[int, int]) -> Window:
    """The whole pixels that a visual prompt touches."""
    x1, y1, x2, y2 = _inside(box, size_wh)
    left, top = math.floor(x1), math.floor(y1)
    return Window(left, top, math.ceil(x2) - left, math.ceil(y2) - top)
