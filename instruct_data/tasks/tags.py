"""Taxonomy-aligned tags: the land covers in a view by their area, and the land use of a scene at one or two levels."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from georsmllm import taxonomy
from georsmllm.classes import canonical
from georsmllm.constrain.form import Form, Listed, Question, texts
from georsmllm.contracts import AskOptions, Built, Refusal, Score, Task
from georsmllm.errors import BadAnswer
from georsmllm.geometry import area
from georsmllm.types import Instruction, Record, Sample

from ._asking import fill, identity, lines, pick, refuse_all, slots_of
from ._origin import origins

TEMPLATES = lines("""
    Which of these cover at least 1 % of the image: {covers}? List them with commas, from the largest to the smallest.
    Tag this image with the land covers of at least 1 % of its area, comma-separated, largest first: {covers}.
    Out of {covers}, name those that cover 1 % of the view or more, the largest first, separated by commas.
    List the land covers that reach 1 % of the image, by falling area and with commas. Choose from {covers}.
    Possible tags: {covers}. Give those that hold for 1 % of the image or more, by area, with commas between, or none.
    What covers the ground here? Use only {covers}, leave out what is under 1 %, start with the largest, write commas.
    Of the covers {covers}, which make up 1 % or more of this picture? Write them by falling area, with commas.
    Describe the land cover with tags of at least 1 % of the area, the largest first, divided by commas: {covers}.
    Name the land covers in view by size, with commas, ignoring any below 1 %. Options: {covers}.
    Give land-cover tags out of {covers}. A tag needs at least 1 % of the image; sort by area and separate by commas.
    From {covers}, select all that fill at least 1 % of the image; answer with commas, the largest first.
    Which land covers take 1 % of the area or more? Choices: {covers}. Answer in order of area, with commas, or none.
    What is the main land use here? Choose from: {uses}. Answer as "Level-1: name".
    Which Level-1 land-use class does this scene belong to? The classes are: {uses}. Reply as "Level-1: name".
    Assign one of these Level-1 land uses to the image: {uses}. Write "Level-1: name".
    Classify the land use of this scene at Level-1 of this list: {uses}. Use the form "Level-1: name".
    How is this land used? Pick one of: {uses}. Answer in the form "Level-1: name".
    Name the Level-1 land use shown in this image, out of: {uses}. Say "Level-1: name".
    Which land use is this? The classes, with their subclasses, are: {tree}. Answer as "Level-1: name; Level-2: name".
    Classify the land use at both levels of this taxonomy: {tree}. Reply as "Level-1: name; Level-2: name".
    Give the land-use class and subclass of this scene. Choose from: {tree}. Write "Level-1: name; Level-2: name".
    How is this land used? Pick a class and its subclass from: {tree}. Use the form "Level-1: name; Level-2: name".
    Taxonomy: {tree}. Where does this image belong? Answer in the form "Level-1: name; Level-2: name".
    Place this scene in the taxonomy {tree}. Say "Level-1: name; Level-2: name".
""")

MIN_SHARE = 0.01  # of the view's area; every wording says so
NONE = "none"

_COVERS, _USES, _TREE = frozenset({"covers"}), frozenset({"uses"}), frozenset({"tree"})


def build(view: Sample, rng: Random, options: AskOptions) -> Built:
    """Per view "coarse" where its targets are land cover, and "levels" or "level1" where it has a scene class."""
    if len(view.images) != 1:
        return Built(refusals=refuse_all(view, "two_images"))
    covers, uses = _coarse(view, rng, options), _levels(view, rng, options)
    return Built((*covers.instructions, *uses.instructions), (*covers.refusals, *uses.refusals))


# --- land cover ------------------------------------------------------------------------------------------------------


def _coarse(view: Sample, rng: Random, options: AskOptions) -> Built:
    table = next((found for name in origins(view) if (found := taxonomy.coarse_table(name))), None)
    if table is None:
        return Built()
    tags = list(decidable(table, view.exhaustive))
    if len(tags) < 2:
        return Built(refusals=refuse_all(view, "too_few_covers"))
    rng.shuffle(tags)
    areas_px2 = dict.fromkeys(tags, 0.0)
    tag_of = {label: cover.tag for label, cover in table.items() if cover.tag in areas_px2}
    for target in view.targets:  # ignored ones too: a speck too small to be asked for is still ground
        tag = tag_of.get(target.label)
        if tag is not None:
            areas_px2[tag] += area(target.shape)
    width, height = view.images[0].size_wh
    present = sorted(
        (tag for tag in tags if areas_px2[tag] >= MIN_SHARE * width * height), key=lambda tag: (-areas_px2[tag], tag)
    )
    asked = Instruction(
        id=identity(view, "tags", "coarse"),
        task="tags",
        form="coarse",
        images=view.images,
        prompt=fill(pick(rng, options, TEMPLATES, _COVERS), {"covers": ", ".join(tags)}),
        answer=(", ".join(present) or NONE,),
        labels=tuple(tags),
        targets=tuple(
            i for i, target in enumerate(view.targets) if target.ignore is None and tag_of.get(target.label) in present
        ),
        negative=not present,
    )
    unasked = tuple(refusal for refusal in refuse_all(view, "no_sure_cover") if refusal.label not in tag_of)
    return Built((asked,), unasked)


def decidable(table: Mapping[str, taxonomy.Cover], exhaustive: tuple[str, ...]) -> tuple[str, ...]:
    """The tags whose area the dataset tells: every class of the tag means just that and is exhaustively labelled, and
    no class hides more of it. "other" is no tag that one could ask for."""
    hidden = {tag for cover in table.values() for tag in cover.may_hold}
    hidden |= {cover.tag for cover in table.values() if cover.tag and cover.lossy}
    hidden |= {cover.tag for label, cover in table.items() if cover.tag and label not in exhaustive}
    told = {cover.tag for cover in table.values()} - hidden - {"other"}
    return tuple(tag for tag in taxonomy.coarse_tags() if tag in told)


# --- land use --------------------------------------------------------------------------------------------------------


def _levels(view: Sample, rng: Random, options: AskOptions) -> Built:
    names = sorted({canonical(text.text) for text in view.texts if text.kind == "scene"})
    if not names:
        return Built()
    table = next((found for name in origins(view) if (found := taxonomy.crosswalk_table(name))), {})
    codes = table.get(names[0])
    reason = _refusal(view, names, codes)
    if codes is None or reason:
        return Built(refusals=tuple(Refusal(name, reason, ()) for name in names))
    both = len(codes.level2) == 1
    form, slots = ("levels", _TREE) if both else ("level1", _USES)
    values = {"tree": _tree(), "uses": "; ".join(above.name for above in taxonomy.land_use())}
    asked = Instruction(
        id=identity(view, "tags", form, names[0]),
        task="tags",
        form=form,
        images=view.images,
        prompt=fill(pick(rng, options, TEMPLATES, slots), values),
        answer=(taxonomy.say(codes.level1[0], codes.level2[0] if both else None),),
        labels=(names[0],),
    )
    return Built((asked,))


def _refusal(view: Sample, names: list[str], codes: taxonomy.Codes | None) -> str:
    """Why the land use must not be asked, "" when it may: only a class with one Level-1 use decides it."""
    if len(names) > 1:
        return "several_scenes"
    if view.images[0].window is not None:
        return "cut_view"
    if codes is None:
        return "no_crosswalk"
    if not codes.level1:
        return "outside_taxonomy"
    return "ambiguous_use" if len(codes.level1) > 1 else ""


def _tree() -> str:
    return "; ".join(
        f"{above.name} ({' / '.join(below.name for below in above.children)})" for above in taxonomy.land_use()
    )


# --- judging ---------------------------------------------------------------------------------------------------------


def read_tags(text: str, tags: tuple[str, ...]) -> tuple[str, ...]:
    """The tags of an answer in its order; raises BadAnswer (empty, unknown_tag, repeated_tag).

    Comma-separated, or "none"; case, white space and one final full stop do not matter.
    """
    words = " ".join(text.strip().removesuffix(".").lower().split())
    if not words:
        raise BadAnswer("empty", text, expected="tags")
    if words == NONE:
        return ()
    found = tuple(word.strip() for word in words.split(","))
    if not set(found) <= set(tags):
        raise BadAnswer("unknown_tag", text, expected=f"some of {', '.join(tags)}")
    if len(set(found)) < len(found):
        raise BadAnswer("repeated_tag", text, expected="each tag once")
    return found


def score(text: str, record: Record) -> Score:
    if record.provenance.form == "coarse":
        return _score_coarse(text, record)
    heard, gold = taxonomy.hear(text), taxonomy.hear(record.gold_text)
    verdict: str = heard.verdict
    right1 = heard.level1 is not None and heard.level1 == gold.level1
    if gold.level2 is None:
        verdict = "wrong_form" if heard.level2 else verdict
        return Score(verdict, float(right1 and verdict == "ok"))
    right2 = right1 and heard.level2 == gold.level2
    verdict = "missing_level2" if verdict == "ok" and heard.level2 is None else verdict
    parts = {"level1_accuracy": float(right1), "level2_accuracy": float(right2)}
    return Score(verdict, (right1 + right2) / 2, parts)


def _score_coarse(text: str, record: Record) -> Score:
    tags = record.provenance.labels
    gold = read_tags(record.gold_text, tags)
    try:
        found = read_tags(text, tags)
    except BadAnswer as error:
        return Score(error.reason, 0.0, {"exact_match": 0.0, "in_order": 0.0})
    both = len(set(found) & set(gold))
    f1 = 2 * both / (len(found) + len(gold)) if found or gold else 1.0
    parts = {"exact_match": float(set(found) == set(gold)), "in_order": float(found == gold)}
    return Score("ok", f1, parts)


def form(question: Question) -> Form | None:
    """Tags out of those that the words offer, or land uses; None where the words tell neither."""
    uses = taxonomy.land_use()
    if slots_of(question.text, TEMPLATES, _TREE) is not None:
        return texts([taxonomy.say(above.code, below.code) for above in uses for below in above.children])
    if slots_of(question.text, TEMPLATES, _USES) is not None:
        return texts([taxonomy.say(above.code) for above in uses])
    found = slots_of(question.text, TEMPLATES, _COVERS)
    return Listed(tuple(found["covers"].split(", "))) if found else None


TASK = Task(
    title="Land-cover and land-use tags",
    templates=TEMPLATES,
    build=build,
    score=score,
    form=form,
    metrics=(
        "Covers: value is the F1 of the set of tags (both empty: 1); parts: exact_match of the sets, in_order with the "
        "order by area, too. An unknown or repeated tag makes the answer unreadable: 0. Land use: value is 1 for the "
        "right Level-1 class (and, where asked, 0.5 for it alone and 1 with the right Level-2 class); a Level-2 class "
        "that is no child of the answered Level-1 class counts as inconsistent and as wrong, Level-1 is still judged. "
        "Names are read exactly, then without case, by alias, within two edits. Equal areas are ordered by name."
    ),
)
