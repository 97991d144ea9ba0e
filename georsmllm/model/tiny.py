"""Small models from their configuration alone, with a tokenizer of their own: nothing is downloaded, same seed, same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import msgspec

from georsmllm.discover import nearest
from georsmllm.errors import UsageError
from georsmllm.model.anyres import Anyres, of_tower
from georsmllm.model.needs import require
from georsmllm.model.projector import freshen
from georsmllm.model.save import new_folder, write_config, write_weights
from georsmllm.model.sidecars import VIDEO, Colours, write_chat, write_processor
from georsmllm.model.spec import Spec, Text, Vision, published
from georsmllm.model.tokens import END, IMAGE, MARKER, PAD, START, Chat
from georsmllm.tokencount import QWEN2_SPLIT

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import LlavaOnevisionConfig

Name = Literal["mini", "demo", "0.5b"]
NAMES: tuple[Name, ...] = get_args(Name)
DType = Literal["float32", "bfloat16"]
_ROPE = {"rope_type": "default", "rope_theta": 1_000_000.0}
"""Qwen2's."""


class Size(msgspec.Struct, frozen=True):
    """spec: layers and widths. max_grid: crops a side. num_words: ids of the tokenizer that are no special tokens, at most."""

    about: str
    spec: Spec
    max_grid: int
    num_words: int

    @property
    def anyres(self) -> Anyres:
        vision = self.spec.vision
        return of_tower(vision.image_size, vision.patch_size, max_grid=self.max_grid)


SIZES: dict[str, Size] = {
    "mini": Size(
        "for tests: everything is there, nothing is learnt",
        Spec(
            text_config=Text(
                hidden_size=64,
                intermediate_size=128,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=2,
                vocab_size=448,
            ),
            vision_config=Vision(
                hidden_size=48,
                intermediate_size=96,
                num_hidden_layers=2,
                num_attention_heads=4,
                image_size=28,
                patch_size=14,
                vision_use_head=False,
            ),
        ),
        max_grid=3,
        num_words=443,
    ),
    "demo": Size(
        "learns the quickstart's instruction set on a CPU in minutes",
        Spec(
            text_config=Text(
                hidden_size=128,
                intermediate_size=384,
                num_hidden_layers=3,
                num_attention_heads=4,
                num_key_value_heads=2,
                vocab_size=1024,
                tie_word_embeddings=True,
            ),
            vision_config=Vision(
                hidden_size=64,
                intermediate_size=128,
                num_hidden_layers=1,
                num_attention_heads=4,
                image_size=28,
                patch_size=14,
                vision_use_head=False,
            ),
        ),
        max_grid=2,
        num_words=1019,
    ),
    "0.5b": Size(
        "the layers of llava-onevision-qwen2-0.5b-ov with random weights, to measure speed and memory",
        published("0.5b"),
        max_grid=6,
        num_words=4091,
    ),
}

_SENTENCES = """
[det] Where are the ships? Find all vehicles in this image. Mark every storage tank.
[seg] Outline the reservoir behind the dam. Which water bodies are there?
[refer] The large building on the left side near the road. The harbour crane on the north quay.
[change] Which houses are new on the right side? What changed between the two images?
[region] Describe [(412,95),(455,88),(461,132),(418,139)]. It is a bridge over the river.
[caption] Describe the image. Several planes are parked beside a terminal of an airport.
[vqa] Is there a tennis court in the image? Yes, no. How many trees are in the upper part?
[count] How many small vehicles are there? There are 12 of them.
[cls] What does this scene show? Farmland, forest, residential area, industrial area, beach, parking lot.
[geoloc] Where was this image taken? City, (12.34, 56.78)
[(202,506),(242,506),(242,561),(202,561)];[(512,90),(560,90),(560,131),(512,131)]
[(103,240),(688,771)]|[(395,520),(250,430),(560,640),(480,360)];[(11,12),(98,97)]|[(54,55)]
[(0,0),(1000,0),(1000,1000),(0,1000),(0,0)]-[(40,50),(60,70)] none
"""
"""What a tiny tokenizer always knows: the words of our tasks and the forms of our point text."""


def size(name: str) -> Size:
    if name not in SIZES:
        raise UsageError(f"no tiny model is called {name!r}; {nearest(name, NAMES)}")
    return SIZES[name]


def texts_of(folder: Path) -> Iterator[str]:
    """What is said in the training records of a built set, without image markers."""
    from georsmllm.dataset import Records

    for record in Records(folder, "train"):
        for message in record.messages:
            yield message.content.replace(MARKER, "")


def make(name: str, out: Path, *, texts: Iterable[str] = (), seed: int = 0, dtype: DType = "float32") -> Path:
    """A model of that name at `out`, which must not be there yet. texts: what its tokenizer learns besides our words."""
    chosen = size(name)
    require("making a model")
    import torch
    from transformers import LlavaOnevisionForConditionalGeneration, set_seed

    with new_folder(out) as folder:
        tokenizer(name, texts).save(str(folder / "tokenizer.json"))
        chat = Chat.of_folder(folder)
        config = configuration(chosen, chat)
        set_seed(seed)
        model = LlavaOnevisionForConditionalGeneration._from_config(  # noqa: SLF001 - its only door that takes a dtype
            config, dtype={"float32": torch.float32, "bfloat16": torch.bfloat16}[dtype]
        )
        freshen(model, seed)
        write_config(model.config, folder)
        write_weights(model, folder)
        write_processor(folder, chosen.anyres, Colours())
        write_chat(folder, chat, max_length=chosen.spec.text.max_position_embeddings)
    return out


def tokenizer(name: str, texts: Iterable[str] = ()) -> Tokenizer:
    """That of the model of a name, made from these texts besides our words."""
    return train_tokenizer([*_SENTENCES.strip().splitlines(), *texts], size(name).num_words)


def train_tokenizer(texts: Iterable[str], num_words: int) -> Tokenizer:
    """A byte-level BPE of Qwen2's form: NFC, its split (every digit by itself), special tokens behind the words."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2_SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=num_words, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    special = (PAD, START, END, IMAGE, VIDEO)
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    return tokenizer


def configuration(chosen: Size, chat: Chat) -> LlavaOnevisionConfig:
    """The configuration of a size. Weights start at 0.64 / sqrt(width): Qwen2's 0.02 is meant for a width of 1024,
    and would leave a narrow model's signals small."""
    from transformers import LlavaOnevisionConfig

    text = msgspec.to_builtins(chosen.spec.text)
    text["initializer_range"] = round(0.64 / chosen.spec.text.hidden_size**0.5, 4)
    text |= {"eos_token_id": chat.end, "pad_token_id": chat.pad, "rope_parameters": _ROPE}
    return LlavaOnevisionConfig(
        text_config={key: value for key, value in text.items() if value is not None},
        vision_config=msgspec.to_builtins(chosen.spec.vision),
        image_token_index=chat.image,
        video_token_index=chat.tokenizer.token_to_id(VIDEO),
        image_grid_pinpoints=[[height, width] for width, height in chosen.anyres.grids],
        tie_word_embeddings=chosen.spec.ties_embeddings,
    )
