"""What reads a recipe's records before any model is there: the tokenizer and the grids of the model that it starts from."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from georsmllm.model import anyres, tiny
from georsmllm.model.anyres import Anyres
from georsmllm.model.load import resolve
from georsmllm.model.places import base_of, is_adapter
from georsmllm.model.tokens import Chat

from .recipe import Data, TrainRecipe
from .sources import open_source

_WORDS = 4000
"""Records of a source whose words a tiny model's tokenizer learns."""


class Reading(NamedTuple):
    chat: Chat
    anyres: Anyres


def texts(data: Data) -> list[str]:
    """What a tiny model's tokenizer learns from the sources."""
    found: list[str] = []
    for one in data.sources:
        source = open_source(Path(one.path), one.split)
        numbers = range(min(_WORDS, len(source)))
        found += [message.content for number in numbers for message in source.conversation(number).messages]
    return found


def of_recipe(recipe: TrainRecipe) -> Reading:
    """Of the model that a recipe starts from; a tiny one need not be made for it. Raises UsageError."""
    if recipe.model.tiny is not None:
        tokenizer = tiny.tokenizer(recipe.model.tiny, texts(recipe.data))
        return Reading(
            Chat(tokenizer, source=f"the tiny model {recipe.model.tiny}"), tiny.size(recipe.model.tiny).anyres
        )
    folder = resolve(str(recipe.model.path))
    base = base_of(folder) if is_adapter(folder) else folder
    return Reading(Chat.of_folder(base), anyres.of_folder(base))
