"""The words of steps: an imperative each, with earlier results as {sK}, that can be understood by itself."""

from __future__ import annotations

from . import lexicon
from .tree import Compares, Has, Kind, Stands

_BETWEEN_IMAGES: dict[Kind, str] = {
    "appeared": "Find the {what} present in image B but absent in image A.",
    "disappeared": "Find the {what} present in image A but absent in image B.",
    "altered": "Find the {what} that were altered from image A to image B.",
    "any": "Find the {what} that differ between image A and image B.",
}
_RELATIONS = {
    "left_of": "to the left of {a}",
    "right_of": "to the right of {a}",
    "above": "above {a}",
    "below": "below {a}",
    "north_of": "north of {a}",
    "south_of": "south of {a}",
    "east_of": "east of {a}",
    "west_of": "west of {a}",
    "inside": "inside {a}",
    "contains": "that contain {n}",
    "overlaps": "that overlap {a}",
    "touches": "touching {a}",
    "adjacent_to": "next to {a}",
    "near": "near {a}",
    "along": "along {a}",
    "parallel_to": "parallel to {a}",
    "crosses": "that cross {a}",
    "connected_to": "connected to {n}",
    "surrounded_by": "enclosed by {n}",
    "flanked_by": "flanked by {n}",
    "on": "on {a}",
    "under": "under {a}",
    "behind": "behind {a}",
    "facing": "facing {a}",
    "upstream_of": "upstream of {a}",
    "downstream_of": "downstream of {a}",
    "between": "between {a}",
}
_ENDS = {
    ("area", "max"): "largest",
    ("area", "min"): "smallest",
    ("length", "max"): "longest",
    ("length", "min"): "shortest",
    ("width", "max"): "widest",
    ("width", "min"): "narrowest",
    ("height", "max"): "tallest",
    ("height", "min"): "lowest",
    ("y", "min"): "northernmost",
    ("y", "max"): "southernmost",
    ("x", "min"): "westernmost",
    ("x", "max"): "easternmost",
    ("distance_to", "min"): "nearest",
    ("distance_to", "max"): "farthest",
}
_IMAGE_ENDS = {("y", "min"): "topmost", ("y", "max"): "bottommost", ("x", "min"): "leftmost", ("x", "max"): "rightmost"}
_MORE = {
    "area": ("larger", "smaller", "large"),
    "length": ("longer", "shorter", "long"),
    "width": ("wider", "narrower", "wide"),
    "height": ("taller", "lower", "tall"),
}
_ORDINALS = {
    2: "second",
    3: "third",
    4: "fourth",
    5: "fifth",
    6: "sixth",
    7: "seventh",
    8: "eighth",
    9: "ninth",
    10: "tenth",
}


def named(name: str, *, is_plural: bool) -> str:
    """A category for one or for several."""
    return lexicon.several(name) if is_plural else name


def short(name: str) -> str:
    """The last word of a category, for several: "tanks" for storage tank."""
    return lexicon.several(name.rpartition(" ")[2]) if name else "objects"


def look(verb: str, target: str, image: str) -> str:
    """Reads "Detect all planes.", "Segment the forest in image A."."""
    plain = target.startswith(("the ", "all ", "any "))
    where = f" in image {image}" if image in ("A", "B") else ""
    if not plain:
        target = f"all {target}" if verb == "Detect" or not where else f"the {target}"
    return f"{verb} {target}{where}."


def changed(what: str, kind: Kind) -> str:
    """The text of a change step."""
    if kind == "any" and what == "any object":
        return "Find every region that differs between image A and image B."
    return _BETWEEN_IMAGES[kind].format(what=what)


def attribute(one: Has, noun: str, source: str, anchor: str) -> str:
    """The text of a step that filters by an attribute."""
    verb = "drop" if one.negated else "keep"
    noun, value = short(noun), one.value
    if anchor and one.name == "occupancy":
        return f"From {source}, {verb} the {noun} in which {anchor} fill {_share(value)} of the spaces."
    if anchor and one.name == "orientation":
        return f"From {source}, {verb} the {noun} {value} to {anchor}."
    told = _told(one, noun, value)
    if one.name.startswith("roof_"):
        told = f"the {noun} with a {value} roof"
    return f"From {source}, {verb} {told}{f' compared to {anchor}' if anchor else ''}."


def _told(one: Has, noun: str, value: str) -> str:
    if one.name == "occupancy":
        return f"the {noun} that are {_share(value)} full" if value[0] in "<>=" else f"the {noun} that are {value}"
    if value[0] in "<>=" and one.name == "state":
        share, _, state = value.partition(" ")
        return f"the {noun} that are {_share(share)} {state}"
    return {
        "image_region": f"those in the {value}{'' if ' half' in value else ' part'} of the image",
        "orientation": f"the {noun} whose long axis runs {value}" if "-" in value else f"the {noun} oriented {value}",
        "speed": f"the {noun} with a speed {_sign(value)}",
        "age": f"the {noun} with an age {_sign(value)}",
        "state": f"the {noun} that are {value}",
        "owner": f"the {noun} owned by {value}",
    }.get(one.name, f"the {value} ones")


def _share(value: str) -> str:
    words = {"<": "less than ", ">": "more than ", "=": ""}
    sign = value.rstrip("0123456789.")
    return f"{words.get(sign[:1], '')}{float(value.removeprefix(sign)):.0%}"


def _sign(value: str) -> str:
    return f"{'below' if value.startswith('<') else 'above'} {value.lstrip('<>=')}"


def relation(one: Stands, noun: str, source: str, anchors: tuple[str, ...]) -> str:
    """The text of a step that filters by a relation."""
    verb, noun = ("drop" if one.negated else "keep"), short(noun)
    a = " and ".join(anchors)
    least = int(one.value) if one.unit == "count_min" and isinstance(one.value, float | int) else 0
    n = f"at least {least} of {a}" if least > 1 else a
    if one.name == "within_distance":
        told = f"within {one.value:g} {one.unit} of {a}"
    elif one.name == "on_side_of" and len(anchors) > 1:
        told = f"that lie on the {one.side} side of {anchors[0]} {'as' if one.side == 'same' else 'from'} {anchors[1]}"
    elif one.name == "on_side_of":
        told = {"both": f"that lie on both sides of {a}", "opposite": f"that lie on the opposite side of {a}"}.get(
            str(one.side), f"that lie on the {one.side} side of {a}"
        )
    elif one.name == "inside" and one.side:
        told = f"in the {one.side} part of {a}"
    elif one.name == "flanked_by" and least == 2:
        told = f"with {a} on both sides"
    else:
        told = _RELATIONS[one.name].format(a=n, n=n)
    return f"From {source}, {verb} the {noun} {told}."


def compare(one: Compares, noun: str, source: str, anchors: tuple[str, ...]) -> str:
    """The text of a step that compares."""
    several = short(noun)
    if one.criterion == "shadow_length":
        than = str(one.value).replace("own_", "their own ") if one.value else anchors[-1]
        longer = _than(one.mode, "longer", "shorter", "long")
        return f"From {source}, keep the {several} whose shadow in {anchors[0]} is {longer} {than}."
    if one.mode in ("min", "max", "top_k", "rank_k"):
        return _ranked(one, noun, source, anchors)
    if one.criterion == "distance_to":
        nearer = "nearer" if one.mode == "less_than" else "farther"
        away = "to" if nearer == "nearer" else "from"
        return f"From {source}, keep the {several} {nearer} {away} {anchors[0]} than {away} {anchors[-1]}."
    more, less, equal = _MORE.get(one.criterion, ("more", "less", "much"))
    than = _than(one.mode, more, less, equal)
    if one.value == "mean":
        return f"From {source}, keep the {several} {than} the mean of {source}."
    times, _, mean = str(one.value).partition("x")
    if times and times.replace(".", "", 1).isdigit() and (anchors or mean):
        how = {"greater_than": "more than", "less_than": "less than"}.get(one.mode, "at least")
        what = f"the mean of {source}" if mean else " and ".join(anchors)
        return f"From {source}, keep the {several} {how} {times} times as {equal} as {what}."
    if one.value is not None:
        return f"From {source}, keep those {than} {str(one.value).replace('own_', 'their own ')}."
    return f"From {source}, keep the {several} {than} every one of {' and '.join(anchors)}."


def _than(mode: str, more: str, less: str, equal: str) -> str:
    return {"greater_than": f"{more} than", "less_than": f"{less} than"}.get(mode, f"at least as {equal} as")


def _ranked(one: Compares, noun: str, source: str, anchors: tuple[str, ...]) -> str:
    lowest = one.mode == "min" or one.value == "min" or (one.mode == "top_k" and one.criterion == "distance_to")
    lowest = lowest or (one.mode == "rank_k" and one.criterion == "distance_to" and one.value != "max")
    if one.criterion == "count":
        which = "fewest" if lowest else "most"
        return f"From {source}, take the {noun.rpartition(' ')[2]} with the {which} of {' and '.join(anchors)}."
    ends = _ENDS if one.compass else _ENDS | _IMAGE_ENDS
    word = ends.get((one.criterion, "min" if lowest else "max"), "first")
    to = f" {'to' if word == 'nearest' else 'from'} {' and '.join(anchors)}" if anchors else ""
    noun = noun.rpartition(" ")[2] or "object"
    if one.mode == "rank_k":
        return f"From {source}, choose the {_ORDINALS.get(one.k or 2, f'{one.k}th')} {word} {noun}{to}."
    if one.k and one.k > 1:
        return f"From {source}, keep the {one.k} {word} {short(noun)}{to}."
    return f"From {source}, take the {word} {noun}{to}."
