"""A small real asker over a known place: it finds the shapes that the query names, and takes the time it is told to."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from scenery import LAKE, NEW_HOUSES, SHIPS, TANKS

from georsmllm.errors import UsageError
from georsmllm.found import Finding, Outcome, StepTrace, Watch
from georsmllm.geometry import to_polygon
from georsmllm.masks import from_shape
from georsmllm.result import Maker, Result
from georsmllm.scene import Scene
from georsmllm.serve.asker import BoxXYXY
from georsmllm.streaming import Ended
from georsmllm.types import Message, PointSet

THINGS: dict[str, tuple[str, tuple[PointSet, ...]]] = {
    "ship": ("ship", SHIPS),
    "tank": ("storage tank", TANKS),
    "lake": ("lake", (LAKE,)),
    "house": ("building", NEW_HOUSES),
}


class ScriptedAsker:
    """step_s: how long each step takes, in ten pieces of progress. What was asked, and what was broken off, is kept."""

    def __init__(self, *, step_s: float = 0.0, title: str = "scripted") -> None:
        self.title = title
        self.step_s = step_s
        self.asked: list[tuple[str, BoxXYXY | None, int]] = []
        self.said: list[tuple[tuple[Message, ...], int, float]] = []
        self.num_begun = 0
        self.num_ended = 0
        self.stopped = threading.Event()
        self.at_work = threading.Lock()

    def scene(self, picture: Path) -> Scene:
        return Scene(picture)

    def ask(
        self,
        image: Scene,
        query: str,
        *,
        image_b: Scene | None = None,
        box: BoxXYXY | None = None,
        watch: Watch = Watch(),  # noqa: B008
    ) -> Result:
        assert self.at_work.acquire(blocking=False), "two asks at once"
        self.num_begun += 1
        try:
            return self._answer(image, query, image_b, box, watch)
        except BaseException:
            self.stopped.set()
            raise
        finally:
            self.num_ended += 1
            self.at_work.release()

    def _answer(self, image: Scene, query: str, image_b: Scene | None, box: BoxXYXY | None, watch: Watch) -> Result:
        self.asked.append((query, box, 1 if image_b is None else 2))
        if "break" in query:
            raise ValueError(f"a bug, with a secret path {image.path}")
        if "refuse" in query:
            raise UsageError(f"{image.path}: the query asks for what no image shows")
        scenes = (image,) if image_b is None else (image, image_b)
        names = [name for name in THINGS if name in query] or ["ship"]
        plan = {"steps": [self._planned(i, name) for i, name in enumerate(names, start=1)]}
        if len(names) > 1:
            plan["steps"].append({"id": f"s{len(names) + 1}", "type": "filter_relation", "role": "target",
                                  "text": "Keep those of {s1} that are near {s2}."})  # fmt: skip
        watch.plan(plan)
        watch.notice("the image was looked at in one piece")
        layers, steps, number = [], [], 0
        for i, name in enumerate(names, start=1):
            label, shapes = THINGS[name]
            self._take_time(f"looking for {label}s", watch)
            found = []
            for shape in shapes:
                number += 1
                found.append(self._finding(number, label, shape, scenes[-1], f"s{i}", len(scenes) - 1))
            role = "anchor" if len(names) > 1 and i == len(names) else "target"
            trace = StepTrace(f"s{i}", "detect", role, f"Find all {label}s.", "model",
                              outputs=tuple(one.id for one in found), seconds=max(self.step_s, 0.02))  # fmt: skip
            layers.append((f"s{i}", tuple(found)))
            steps.append(trace)
            watch.step(trace)
        answer = layers[0][1]
        if len(names) > 1:
            answer = answer[: max(1, len(answer) // 2)]
            last = StepTrace(f"s{len(names) + 1}", "filter_relation", "target", "Keep those of {s1} that are near {s2}.",
                             "geometry", inputs=steps[0].outputs, anchors=steps[1].outputs,
                             outputs=tuple(one.id for one in answer), seconds=0.004)  # fmt: skip
            steps.append(last)
            layers.append((last.id, answer))
            watch.step(last)
        if "nothing" in query:
            steps[-1] = StepTrace(
                steps[-1].id, steps[-1].type, "target", steps[-1].text, "model", reason="NOTHING_FOUND"
            )
            layers, answer = [], ()
        counted = "how many" in query.lower()
        outcome = Outcome("number" if counted else "boxes", answer, len(answer) if counted else None,
                          steps[-1].reason, tuple(steps), tuple(layers))  # fmt: skip
        label = answer[0].label if answer else "object"
        text = f"{len(answer)} {label}{'' if len(answer) == 1 else 's'}." if answer else "None."
        maker = Maker("0" * 16, decoder="filled shapes (no segmentation model)", planner="embedded", version="0")
        return Result(query, scenes, outcome, text, plan, maker, ("no large scene: one view was enough",))

    def _planned(self, number: int, name: str) -> dict[str, str]:
        return {"id": f"s{number}", "type": "detect", "role": "target", "text": f"Find all {THINGS[name][0]}s."}

    def _finding(self, number: int, label: str, shape: PointSet, scene: Scene, step: str, image: int) -> Finding:
        mask = from_shape(to_polygon(shape), scene.image.size_wh)
        return Finding(number, label, shape, image=image, mask_scene=mask, mask_score=None, step=step)

    def _take_time(self, what: str, watch: Watch) -> None:
        for done in range(10):
            if self.step_s:
                time.sleep(self.step_s / 10)
            watch.progress(what, done + 1, 10)

    def say(
        self, messages: Sequence[Message], images: Sequence[Scene], *, max_new_tokens: int, temperature: float
    ) -> Iterator[str]:
        self.said.append((tuple(messages), len(images), temperature))
        words = f"You said: {messages[-1].content}".split(" ")
        cut = words[:max_new_tokens]
        try:
            for i, word in enumerate(cut):
                if self.step_s:
                    time.sleep(self.step_s / 10)
                yield word if i == 0 else f" {word}"
        except GeneratorExit:
            self.stopped.set()
            raise
        reason = "stop" if len(cut) == len(words) else "length"
        return Ended(
            reason, prompt_tokens=sum(len(one.content.split()) for one in messages), completion_tokens=len(cut)
        )
