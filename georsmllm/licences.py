"""What a dataset's licence line asks and forbids, read from its words and told in plain ones; a reading, no legal advice."""

from __future__ import annotations

import re
from collections.abc import Iterable

PLAIN = {
    "no_commerce": "No commercial use.",
    "research_only": "Academic and research use only.",
    "no_derivatives": "Changed versions must not be passed on.",
    "share_alike": "What is derived from it must be passed on under the same licence.",
    "attribution": "Its makers must be named, and what was changed be told.",
    "notice": "Copies keep the licence's text and its notice of copyright.",
    "unstated": "Its makers state no licence, for all of it or for a part: ask them before you pass anything on.",
    "elsewhere": "Some of its terms are told elsewhere, with the data at hand: read them there.",
    "unread": "Its words are none that are known here: read it.",
    "free": "Nothing is asked.",
}
"""The closed set of terms, the strictest first, each with its sentence."""

_CC = re.compile(r"\bCC[ -]BY(?P<terms>(?:[ -](?:NC|SA|ND))*)", re.IGNORECASE)
_SIGNS = {
    "no_commerce": r"non-?\s?commercial|\b(?:no|not for|without|except) commercial|commercial use (?:is )?(?:not|for|pro)",
    "research_only": r"\b(?:academic|research|scientific|educational)\b(?! (?:and|or) commercial)",
    "no_derivatives": r"\bno[- ]deriv",
    "share_alike": r"share[- ]?alike|\bODbL\b|\bA?GPL\b",
    "attribution": r"\bODbL\b|\bODC-By\b|\battribution\b|\bOpen Licen[cs]e\b",
    "notice": r"\bMIT\b|\bBSD\b|\bApache\b|\bA?GPL\b",
    "unstated": r"\b(?:none|not|no licen[cs]e) (?:is )?(?:stated|given|known)|\bunknown\b|\bunspecified\b",
    "elsewhere": r"\bby (?:its|their|the) (?:own )?source|\bby region\b|\bregion's\b|\bits page\b|\bvar(?:y|ies)\b",
    "free": r"\bCC0\b|\bpublic domain\b|\bUnlicense\b",
}
_COMPILED = {name: re.compile(sign, re.IGNORECASE) for name, sign in _SIGNS.items()}
_AT_HAND = re.compile(r"\bat hand\b", re.IGNORECASE)
_OF_CC = {"NC": "no_commerce", "SA": "share_alike", "ND": "no_derivatives"}

_HUB = {
    **{
        f"CC {name} 4.0": f"cc-{name.lower()}-4.0" for name in ("BY", "BY-SA", "BY-NC", "BY-ND", "BY-NC-SA", "BY-NC-ND")
    },
    "CC0 1.0": "cc0-1.0",
    "MIT": "mit",
    "Apache-2.0": "apache-2.0",
    "ODbL 1.0": "odbl",
}


def terms(licence: str) -> tuple[str, ...]:
    """The terms that a licence line names, the strictest first; all of them where its parts have several. What a reader of
    many datasets says of some of them is an example, and holds for none at hand."""
    if _AT_HAND.search(licence):
        return ("elsewhere",)
    found = {name for name, sign in _COMPILED.items() if sign.search(licence)}
    for match in _CC.finditer(licence):
        found |= {
            "attribution",
            *(_OF_CC[part.upper()] for part in re.findall(r"NC|SA|ND", match["terms"], re.IGNORECASE)),
        }
    if not found:
        return ("unread",)
    return tuple(name for name in PLAIN if name in found and (name != "free" or found == {"free"}))


def strictest(licences: Iterable[str]) -> tuple[str, ...]:
    """The terms that hold for what is made of all of them."""
    found = {name for licence in licences for name in terms(licence)}
    return tuple(name for name in PLAIN if name in found and (name != "free" or found == {"free"}))


def plain(names: Iterable[str]) -> str:
    """Terms as sentences."""
    return " ".join(PLAIN[name] for name in names)


def hub_name(licences: Iterable[str]) -> str:
    """The identifier that the Hugging Face Hub has for them, when all are one whole licence that it lists, else "other"."""
    names = {_HUB.get(" ".join(licence.split()), "other") for licence in licences}
    return names.pop() if len(names) == 1 else "other"
