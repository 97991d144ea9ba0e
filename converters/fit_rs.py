"""FIT-RS of SkySenseGPT: detection, regions, relations, captions and questions on 512 px patches of STAR."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath

import msgspec

from georsmllm import images
from georsmllm.classes import canonical
from georsmllm.contracts import Card, Converter, Ref
from georsmllm.dialects.fit_rs import DIALECT
from georsmllm.errors import BadAnswer, BadRecord, UsageError
from georsmllm.files import folder, walk
from georsmllm.formats import boxed_text, llava
from georsmllm.formats.boxed_text import Heard, Place, Words, words
from georsmllm.imagery import scene_of
from georsmllm.types import UNNAMED, Sample, Text

CARD = Card(
    title="FIT-RS (SkySenseGPT): 1,415 k training conversations on 512 px patches of STAR, with FIT-RSFG and FIT-RSRC",
    layout="""
ROOT/FIT-RS-train-1415k.json (or a part of it, FIT-RS-train-sample-381k.json, train_instruction_*.json: left out where the
                              whole is there), ROOT/Additional_SC-VQA-OD_*.json      split train
ROOT/test_FITRS_*_eval.jsonl, ROOT/FIT-RSRC*.jsonl                                   split test
or one such file as PATH; images (0000__512__0___824.png) at any depth below. A sample is an image with all that one file
says of it. A file none of whose images is there is left out.
""".strip(),
    label_line='{"id": 1, "image": "0000__512__0___824.png", "conversations": [{"from": "human", "value": "<image>\\n'
    '[detection]Detect all the tanks in the image and output their locations."}, {"from": "gpt", "value": "There is 1 tank '
    'in the image: <rbox>({<25.00><50.00><12.50><6.25>|<90>})</rbox>"}]}',
    classes="""
The 48 of STAR, where a sentence names the class beside the boxes (<ref>, "There are 3 tanks", the word before them); "object"
elsewhere. Answers list at most 20 objects, and only those of which at least 55 % is seen: no class is annotated in full.
Detection gives expressions ("all tanks"), an answer that there are none an expression of nothing; described regions, relations
(<rel>) between regions, captions that point at what they name, questions, and scene classes are read as such.
""".strip(),
    paper="Luo et al., SkySenseGPT: A Fine-Grained Instruction Tuning Dataset and Model for Remote Sensing Vision-Language "
    "Understanding, 2024 (arXiv:2406.10100)",
    licence="CC BY-NC 4.0",
    defects="""
A box is centre, width, height in percents with two decimals and whole degrees clockwise in pixels, (0, 90]; the region
strings that Tools/process_data_RS_Object_Detection.py and the converter to GeoChat's form make feed degrees to a cosine.
An answer that says it leaves objects out, or lists another number than it tells, gives objects and no sentence. A turn
whose boxes cannot be read is left out and counted. Later turns may lean on earlier ones. FIT-RSRC asks a question four
times with its options turned. The detection tool asks FAIR1M's airplanes, ships and boats once a subclass, so that two
answers for "all airplanes" contradict each other (no task asks either), and divides by 512 whatever the size of a patch:
boxes on patches of another size may lie elsewhere [?]. Which sort of turn one is, is read off its tag, its boxes and its
words [?].
""".strip(),
)
CLASSES = (
    "airplane", "boat", "taxiway", "boarding_bridge", "tank", "ship", "crane", "car", "apron", "dock", "storehouse",
    "goods_yard", "truck", "terminal", "runway", "breakwater", "car_parking", "bridge", "cooling_tower", "truck_parking",
    "chimney", "vapor", "coal_yard", "genset", "smoke", "gas_station", "lattice_tower", "substation",
    "containment_vessel", "flood_dam", "ship_lock", "gravity_dam", "arch_dam", "cement_concrete_pavement", "toll_gate",
    "tower_crane", "engineering_vehicle", "unfinished_building", "foundation_pit", "wind_mill", "intersection",
    "roundabout", "ground_track_field", "soccer_ball_field", "basketball_court", "tennis_court", "baseball_diamond",
    "stadium",
)  # fmt: skip
MOST_NAME_WORDS, MOST_NAME_CHARACTERS = 3, 120
_OURS = re.compile(r"fit-?rs|train_instruction_|additional_sc", re.IGNORECASE)
_WHOLE = re.compile(r"fit-?rs-train-1415k", re.IGNORECASE)
_PART_OF_WHOLE = re.compile(r"fit-?rs-train-sample|train_instruction_", re.IGNORECASE)
_TEST = re.compile(r"test|eval|rsrc|rsfg", re.IGNORECASE)
_STAR = re.compile(r"(\d{4})__\d+__\d+___\d+")
_TAG = re.compile(r"\s*(?:<image>\s*)*\[(?P<tag>\w{1,20})\]\s*")
_BRACKETED = re.compile(r"<(?!/?(?:rbox|ref|rel|image|p)>)([A-Za-z][A-Za-z -]{0,59})>")
_ALL = re.compile(
    r"\ball (?:of )?(?:the )?(?P<name>[a-z][a-z0-9_ -]{0,40}?)(?: objects)?(?: present| that appear)?"
    r"(?: in (?:the|this)\b| and (?:output|mark|provide|locate)\b|[.?,]|\Z)",
    re.IGNORECASE,
)
_COUNTED = re.compile(r"\bThere (?:is|are) (?P<count>\d{1,4}) (?P<name>[^.:]{1,60}?) in the image", re.IGNORECASE)
_CUT = re.compile(r"due to the context length|remaining objects are not listed|\.\.\.", re.IGNORECASE)
_SORRY = re.compile(r"\bsorry\b", re.IGNORECASE)
_RELATION = re.compile(r"<rel>|\brelation", re.IGNORECASE)
_TOLD = re.compile(r"\bsubject: ([\w -]{1,40}), object: ([\w -]{1,40}),")
_SIZED = re.compile(r"\b(?:small|medium|large|giant) (?P<name>[a-z_ ]{1,40}?) (?:on|in|at|located)\b", re.IGNORECASE)


class _Entry(msgspec.Struct, frozen=True):
    """A record of training, or a line of a benchmark: question (text in FIT-RSRC), ground_truth, category."""

    conversations: tuple[llava.Message, ...] = ()
    question: str | None = None
    text: str | None = None
    ground_truth: str | None = None
    category: str | None = None


def find(root: Path) -> Iterator[Ref]:
    if root.is_file():
        yield from llava.refs(root.parent, [(root.name, _split(root.name))])
        return
    folder(root, "FIT-RS-train-1415k.json, or a folder with it and its images,")
    names = [name for name in walk(root, llava.SUFFIXES) if _OURS.search(PurePosixPath(name).stem)]
    if any(_WHOLE.search(name) for name in names):
        names = [name for name in names if not _PART_OF_WHOLE.search(PurePosixPath(name).stem)]
    if not names:
        raise UsageError(
            f"no file of FIT-RS below {root}; expected FIT-RS-train-1415k.json or test_FITRS_*_eval.jsonl there, "
            "or give the JSON itself as PATH"
        )
    yield from llava.refs(root, [(name, _split(name)) for name in names])


def _split(name: str) -> str:
    return "test" if _TEST.search(PurePosixPath(name).stem) else "train"


def read(root: Path, ref: Ref) -> Sample:
    base = root.parent if root.is_file() else root
    file = base / ref.paths[-1]
    where = f"{file.name}@{ref.spans[0][0]}"
    entries = [llava.decode(_ENTRY, file, span) for span in ref.spans]
    if len(ref.paths) == 1:
        raise BadRecord("no_image", f"{len(entries)} records without an image", where=where)
    image = llava.image(base, ref.paths[0], where)
    mended: Counter[str] = Counter()
    heard = Heard(image.size_wh, DIALECT, mended)
    texts = boxed_text.once(_texts(entries, heard), heard)
    return Sample(
        id=f"fit_rs/{ref.key}",
        dataset="fit_rs",
        split=ref.split,
        scene=_scene(PurePosixPath(ref.paths[0]).stem),
        images=(image,),
        targets=tuple(heard.targets),
        texts=texts,
        tags=() if texts or heard.targets else ("unlabelled",),
        classes=heard.classes(_classes()),
        mended=tuple(sorted((+mended).items())),
    )


def _scene(stem: str) -> str:
    star = _STAR.fullmatch(stem)
    return f"star/{star[1]}" if star else scene_of(stem) or f"fit_rs/{stem.partition('__')[0]}"


def _texts(entries: list[_Entry], heard: Heard) -> Iterator[Text]:
    for entry in entries:
        turns = list(llava.turns(llava.Record(entry.conversations), heard.mended))
        if not entry.conversations and entry.ground_truth:
            turns = [(entry.question or entry.text or "", entry.ground_truth)]
        for question, answer in turns:
            try:
                text = _turn(question, answer, heard, topic=entry.category or "")
            except BadAnswer:
                heard.mended["unreadable_boxes_dropped"] += 1
                continue
            if text is None:
                heard.mended["cut_answer_dropped"] += 1
            else:
                yield text


def _turn(question: str, answer: str, heard: Heard, *, topic: str) -> Text | None:
    """One question with its answer, None where the answer leaves objects out; raises BadAnswer."""
    tag = _TAG.match(question)
    topic = tag["tag"].lower() if tag else topic
    asked = words(_BRACKETED.sub(r"\1", question[tag.end() :] if tag else question), DIALECT)
    said = words(_BRACKETED.sub(r"\1", answer), DIALECT)
    detects = topic in ("detection", "task1") or (said.places and _COUNTED.search(said.text))
    if not asked.places and detects and (wanted := _ALL.search(asked.text)):
        return _detection(wanted["name"], said, heard, topic=topic)
    names = [_name(place, said.text) for place in said.places]
    if said.places and _CUT.search(said.text):
        heard.mentions(said.places, "answer", names)
        return None
    if asked.places and (said.places or len(asked.places) > 1 or _RELATION.search(question + answer)):
        mentions = heard.mentions(asked.places, "text", _asked_names(asked, said))
        return Text(
            "relation", asked.text, said.text, (*mentions, *heard.mentions(said.places, "answer", names)), topic
        )
    if asked.places and boxed_text.asks_caption(asked.text):
        return boxed_text.region(asked.places, said.text, heard, topic=topic, name=_described(said.text))
    if said.places and not asked.places and (boxed_text.asks_caption(asked.text) or topic in ("grounding", "task6")):
        return boxed_text.caption(said, heard, topic=topic, names=names)
    heard.mentions(said.places, "answer", names)
    return boxed_text.plain(asked, said, heard, topic=topic)


def _detection(name: str, said: Words, heard: Heard, *, topic: str) -> Text | None:
    """All objects of a class as an expression and its answer; of none where the answer is that there are none."""
    text = f"all {name.replace('_', ' ')}"
    if not said.places:
        if _SORRY.search(said.text):
            return Text("expression", text, topic=topic)
        return Text("question", f"Where are {text}?", said.text, topic=topic)
    counted = _COUNTED.search(said.text)
    label = _class(counted["name"] if counted else name)
    found = boxed_text.expression(text, said.places, heard, topic=topic, name=label)
    is_cut = _CUT.search(said.text) or (counted and int(counted["count"]) != len(found.mentions[0].targets))
    return None if is_cut else found


def _name(place: Place, text: str) -> str:
    """The class of the boxes at a place of a sentence: as marked up, else by the last words before them; UNNAMED for none."""
    if place.phrase:
        return _class(place.phrase)
    before = text[max(place.at - MOST_NAME_CHARACTERS, 0) : place.at].replace(",", " ").split()[-MOST_NAME_WORDS:]
    tails = (_known(" ".join(before[i:])) for i in range(len(before)))
    return next((name for name in tails if name), UNNAMED)


def _asked_names(asked: Words, said: Words) -> list[str]:
    """The classes of the regions of a question: by its words, else by what the answer says that they are."""
    names = [_name(place, asked.text) for place in asked.places]
    told = _TOLD.search(said.text)
    answered = [_class(name) for name in told.groups()] if told else [_described(said.text)]
    if len(answered) != len(names):
        return names
    return [other if name == UNNAMED else name for name, other in zip(names, answered, strict=True)]


def _described(text: str) -> str:
    """The class in "A fully visible medium car on the top right part of the image"; UNNAMED without such words."""
    found = _SIZED.search(text)
    return (found and _known(found["name"])) or UNNAMED


def _class(words_of_it: str) -> str:
    """A class as a sentence names it, the plural of a known one too; an unknown one as it stands, without a plural's s."""
    bare = words_of_it.strip().removeprefix("the ")
    return _known(bare) or bare.removesuffix("s") or UNNAMED


def _known(name: str) -> str:
    """The source's spelling of the class that a name or its plural is of, "" for none."""
    return next((_classes()[c] for c in (canonical(name), canonical(name.removesuffix("s"))) if c in _classes()), "")


@cache
def _classes() -> dict[str, str]:
    """Canonical names with the source's spelling."""
    return {canonical(name): name for name in CLASSES}


_ENTRY = msgspec.json.Decoder(_Entry)
CONVERTER = Converter(
    CARD,
    find,
    read,
    reasons={**images.REASONS, **llava.REASONS},
    mends={
        **llava.MENDS,
        **boxed_text.MENDS,
        "cut_answer_dropped": "an answer that leaves objects out gives its objects and no sentence",
    },
)
