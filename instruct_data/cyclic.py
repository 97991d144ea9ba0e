"""Cyclic referring: answers become questions and questions answers (GeoRSMLLM section on self-augmentation; methods 5).

For every positive forward instruction there is a twin the other way round (all its objects in one region prompt, and one
of them alone) and a twin forward again in other words; what was asked by an expression is described by it. Leakage: twins
share their view's scene, so they share its split; the mixture keeps one direction for each (scene, class), so no set
holds both. Noise rules drop by name, in `region`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from georsmllm.classes import plural
from georsmllm.contracts import AskOptions, Built, Refusal
from georsmllm.errors import CannotSay
from georsmllm.geometry import bounds, to_shapely
from georsmllm.pointtext import N, canonical, from_grid
from georsmllm.types import Instruction, Part, PointSet, Ring, Said, Sample

from .tasks import refer, seg
from .tasks._asking import counted, fill, lines, number_word, singular
from .tasks._boxing import UPRIGHT
from .tasks._expressions import generate
from .tasks._given import Expression, given
from .tasks.region import describe

AGAIN = lines("""
    Locate {expression}.
    Look for {expression}.
    Where can {expression} be seen?
    Mark {expression}.
    Point out {expression}.
    Show the position of {expression}.
    Please locate {expression}.
    Give the coordinates of {expression}.
    I am looking for {expression}.
    Pick out {expression}.
    Indicate {expression}.
    Say where to find {expression}.
    Write down where {expression} can be found.
""")

_BY_EXPRESSION = {("refer", "given"), ("refer", "generated"), ("refer", "group"), ("seg", "expression")}
"""The tasks and forms that ask for what an expression denotes."""

ASKING = {"refer": refer.TEMPLATES, "seg": seg.TEMPLATES}

NEAR, FAR, FAR_SHARE = 2, 5, 0.1
"""Region inputs move by up to 2 grid lines, every tenth by up to 5 (methods section 5.3): a model must not learn strings."""
MAX_MOVED_SHARE = 0.1
"""And never by more than a tenth of the region's shorter side."""


def turn(instructions: Sequence[Instruction], view: Sample, rng: Random, options: AskOptions) -> Built:
    """All instructions of a view with their twins: forward ones as they came, region inputs jittered, twins at the end."""
    turned: list[Instruction] = []
    refused: list[Refusal] = []
    reverse = [one for one in instructions if one.direction == "reverse"]
    tried = {(one.targets, "") for one in reverse}
    described = {(one.targets, one.answer) for one in reverse}
    is_by_expression = any((source.task, source.form) in _BY_EXPRESSION for source in instructions)
    datasets = given(view).expressions if is_by_expression else ()
    expressions = (*datasets, *generate(view)) if is_by_expression else ()
    for source in instructions:
        if source.direction != "forward" or not source.targets:
            continue
        own = _own_expression(source, expressions)
        if own is None and len(source.labels) != 1:
            continue
        for members in _members(source, rng):
            words = own.words if own and members == source.targets and not own.is_question else ""
            if (members, words) in tried:
                continue
            tried.add((members, words))
            built = describe(view, members, rng, options, words=words)
            refused.extend(built.refusals)
            for one in built.instructions:
                if (members, one.answer) not in described:
                    described.add((members, one.answer))
                    turned.append(replace(one, id=f"{source.id}~region-{one.form}", twin_of=source.id))
        prompt = _other_wording(source, own.words if own else _expression(source, view), rng)
        if prompt and not (own and _is_paraphrased(own, datasets)):
            turned.append(replace(source, id=f"{source.id}~again", prompt=prompt, twin_of=source.id))
    forward = [one for one in (*instructions, *turned) if one.direction != "reverse"]
    back = [_jittered(one, rng) for one in (*instructions, *turned) if one.direction == "reverse"]
    return Built((*forward, *back), tuple(refused))


def _members(source: Instruction, rng: Random) -> list[tuple[int, ...]]:
    """The target groups that are described: all of the instruction's, and one of them drawn alone."""
    if len(source.targets) == 1:
        return [source.targets]
    return [source.targets, (rng.choice(source.targets),)]


def _own_expression(source: Instruction, expressions: Sequence[Expression]) -> Expression | None:
    """The one that an instruction asks for, the dataset's or a proved one; None where it asks by class."""
    if (source.task, source.form) not in _BY_EXPRESSION:
        return None
    question = "".join(part for part in source.prompt if isinstance(part, str))
    fitting = [one for one in expressions if one.targets == source.targets and one.words in question]
    return max(fitting, key=lambda one: len(one.words), default=None)


def _is_paraphrased(own: Expression, datasets: Sequence[Expression]) -> bool:
    """Whether the dataset itself asks for the same in other words."""
    return any(one.targets == own.targets and one.words != own.words for one in datasets)


def _expression(source: Instruction, view: Sample) -> str:
    """What the instruction is about, as a noun phrase; "" for forms whose words say more than class and number."""
    label, count = source.labels[0], len(source.targets)
    if source.form == "all" and source.task == "change":
        return f"the new or altered {plural(label)}"
    if source.form == "all":
        return f"the {singular(label)}" if count == 1 else f"the {counted(view, label, count)}"
    if source.form == "largest":
        return f"the largest {singular(label)}" if count == 1 else f"the {number_word(count)} largest {plural(label)}"
    return ""


def _other_wording(source: Instruction, words: str, rng: Random) -> tuple[Part, ...]:
    """The same question in other words; () where there are no words for what it asks."""
    if not words:
        return ()
    if not words.endswith("?"):
        return fill(rng.choice(AGAIN) + _form_of_answer(source), {"expression": words})
    templates = [one + _form_of_answer(source) for one in ASKING[source.task] if "{question}" in one]
    prompts = [fill(template, {"question": words}) for template in templates]
    return rng.choice([prompt for prompt in prompts if prompt != source.prompt])


def _form_of_answer(source: Instruction) -> str:
    """The end of a question that tells in which form to answer."""
    last = source.prompt[-1]
    return UPRIGHT if isinstance(last, str) and last.endswith(UPRIGHT) else ""


def _jittered(instruction: Instruction, rng: Random) -> Instruction:
    """The instruction with the shapes in its prompt moved by a few grid lines; one that this would spoil stays in place."""
    if instruction.negative:
        return instruction
    reach = FAR if rng.random() < FAR_SHARE else NEAR
    prompt = tuple(
        part if isinstance(part, str) else _moved(part, instruction.images[part.image].size_wh, reach, rng)
        for part in instruction.prompt
    )
    return replace(instruction, prompt=prompt)


def _moved(said: Said, size_wh: tuple[int, int], reach: int, rng: Random) -> Said:
    shapes: list[PointSet] = []
    for shape in said.shapes:
        moved = from_grid(_shaken(canonical(shape, size_wh), reach, rng), size_wh)
        shapes.append(moved if _is_sound(moved, size_wh) else shape)
    return replace(said, shapes=tuple(shapes))


def _is_sound(shape: PointSet, size_wh: tuple[int, int]) -> bool:
    """Whether a shape can be said and, once said, is an outline with area that does not cross itself."""
    try:
        grid = canonical(shape, size_wh)
    except CannotSay:
        return False
    return grid.kind in ("point", "box") or bool(to_shapely(grid).is_valid)


def _shaken(grid: PointSet, reach: int, rng: Random) -> PointSet:
    x1, y1, x2, y2 = bounds(grid)
    most = min(reach, int(MAX_MOVED_SHARE * min(x2 - x1, y2 - y1))) if grid.kind != "point" else reach

    def shake(line: float) -> int:
        return min(N, max(0, int(line) + rng.randint(-most, most)))

    rings = tuple(Ring(tuple((shake(x), shake(y)) for x, y in ring.points), ring.sign) for ring in grid.rings)
    return PointSet(grid.kind, rings, grid.keypoints)
