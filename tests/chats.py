"""Tokenizers to test on: a small one that is trained on the spot, and Qwen2's own where its files are at hand."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from georsmllm.model.tiny import train_tokenizer
from georsmllm.model.tokens import END, IMAGE, PAD, START, Chat
from georsmllm.tokencount import QWEN2_SPLIT

SPECIAL = (PAD, START, END, IMAGE)
_TEXTS = ("ship: [(1,2),(3,4)];[(5,6),(7,8)]", "[(12,34),(56,78)]|[(9,10)]", "none", "storage tank: none") * 20


@cache
def small_chat() -> Chat:
    return Chat(train_tokenizer(_TEXTS, 400), source="small")


@cache
def mixed_chat() -> Chat:
    """One whose pieces run digits and brackets together."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(_TEXTS, trainer)
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    return Chat(tokenizer, source="mixed")


@cache
def qwen2_chat(folder: Path) -> Chat:
    tokenizer = Tokenizer(models.BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt")))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2_SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    return Chat(tokenizer, source=str(folder))
