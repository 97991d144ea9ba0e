r"""Conversations as tokens and labels, in one walk, for training and for inference.

    <|im_start|>system\nYou are a helpful assistant.<|im_end|>\n
    <|im_start|>user\n<image>...<image>\n[det] Where are the ships?<|im_end|>\n
    <|im_start|>assistant\n[(202,506),...]<|im_end|>\n

Supervised are an assistant's words and its `<|im_end|>`, nothing else (LLaVA-NeXT's own code also supervises headers and
newlines). An image is its placeholder as often as it has visual tokens. Words are encoded as words: `<|im_end|>` inside of
somebody's text is no token. `TEMPLATE` says the same to everybody else's software, and is saved with the model.
Law: the ids before the last answer are exactly what `prompt` gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from georsmllm.errors import BadRecord, MissingExtra, UsageError
from georsmllm.types import Message

if TYPE_CHECKING:
    from tokenizers import Tokenizer

IGNORED = -100
"""The label that no loss is computed for."""
START, END, IMAGE, PAD = "<|im_start|>", "<|im_end|>", "<image>", "<|endoftext|>"
SYSTEM = "You are a helpful assistant."
MARKER = f"{IMAGE}\n"
"""Stands for one image at the head of the first question."""

TEMPLATE = """\
{%- if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}{% endif %}
{%- for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}
{%- if message['content'] is string %}{{ message['content'] }}
{%- else %}{% for part in message['content'] %}{% if part['type'] == 'image' %}{{ '<image>\\n' }}
{%- elif part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}{{ '<|im_end|>\\n' }}{% endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"""
"""The chat template of a saved model; content is text, or a list of texts and images (images first)."""


class Rendered(NamedTuple):
    """ids and labels of one conversation, equally long; a label is its id or IGNORED."""

    ids: list[int]
    labels: list[int]

    @property
    def num_supervised(self) -> int:
        return sum(label != IGNORED for label in self.labels)


class Chat:
    """A tokenizer that knows the form of a conversation. size: ids that it has."""

    def __init__(self, tokenizer: Tokenizer, *, source: str) -> None:
        tokenizer.encode_special_tokens = True  # what looks like a token in somebody's words stays words
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self.tokenizer = tokenizer
        self.source = source
        self.size = tokenizer.get_vocab_size(with_added_tokens=True)
        self.start, self.end, self.image, self.pad = (self._token(name) for name in (START, END, IMAGE, PAD))
        self.newline = self.encode("\n")

    @classmethod
    def of_folder(cls, folder: Path) -> Chat:
        """The tokenizer of a saved model (its tokenizer.json); raises UsageError."""
        try:
            from tokenizers import Tokenizer
        except ModuleNotFoundError:
            raise MissingExtra("tokenizers", "train", "reading a tokenizer") from None
        path = folder / "tokenizer.json"
        if not path.is_file():
            raise UsageError(f"{folder} has no tokenizer.json; expected a model made by `georsmllm model`")
        try:
            return cls(Tokenizer.from_file(str(path)), source=str(path))
        except Exception as error:
            if type(error) is not Exception:  # the library raises nothing narrower for a file that it cannot read
                raise
            raise UsageError(f"{path}: no tokenizer: {error}") from None

    def _token(self, name: str) -> int:
        found = self.tokenizer.token_to_id(name)
        if found is None:
            raise UsageError(f"{self.source} has no token {name}; `georsmllm model assemble` adds it")
        return int(found)

    def encode(self, text: str) -> list[int]:
        """The ids of words."""
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """The words of ids, without the tokens of the chat's form."""
        words: str = self.tokenizer.decode(list(ids), skip_special_tokens=True)
        return words

    def render(self, messages: Sequence[Message], visual: Sequence[int], *, where: str) -> Rendered:
        """A whole conversation. visual: the tokens of each of its images. Raises BadRecord (image_tokens, no_answer)."""
        if messages[-1].role != "assistant":
            raise BadRecord("no_answer", "expected a conversation that ends with an answer", where=where)
        ids, labels = self._opening(messages, visual, where)
        for number, message in enumerate(messages):
            if message.role == "assistant":
                self._add(ids, labels, self._head("assistant"))
                self._add(ids, labels, [*self.encode(message.content), self.end], is_supervised=True)
                self._add(ids, labels, self.newline)
            else:
                self._add(ids, labels, self._turn(messages, number, visual, where))
        return Rendered(ids, labels)

    def prompt(self, messages: Sequence[Message], visual: Sequence[int], *, where: str) -> list[int]:
        """What the model is given to answer: all before the last answer, if there is one, and the head of an answer."""
        asked = messages[:-1] if messages[-1].role == "assistant" else messages
        ids, _ = self._opening(asked, visual, where)
        for number in range(len(asked)):
            ids += self._turn(asked, number, visual, where)
        return [*ids, *self._head("assistant")]

    def _opening(self, messages: Sequence[Message], visual: Sequence[int], where: str) -> tuple[list[int], list[int]]:
        if visual and all(message.role != "user" for message in messages):
            raise BadRecord("image_tokens", f"expected a question that shows {len(visual)} images", where=where)
        ids: list[int] = []
        if messages[0].role != "system":
            ids = [*self._head("system"), *self.encode(SYSTEM), self.end, *self.newline]
        return ids, [IGNORED] * len(ids)

    def _head(self, role: str) -> list[int]:
        return [self.start, *self.encode(f"{role}\n")]

    def _turn(self, messages: Sequence[Message], number: int, visual: Sequence[int], where: str) -> list[int]:
        """A message from its start to its newline; the first question begins with one marker for each image.

        A question is split together with its role's line, as the template's text would be; an answer is not, so that it
        begins where a prompt ends.
        """
        message = messages[number]
        if message.role == "assistant":
            return [*self._head("assistant"), *self.encode(message.content), self.end, *self.newline]
        first = next((i for i, one in enumerate(messages) if one.role == "user"), -1)
        count = len(visual) if number == first else 0
        content = message.content[len(MARKER) * count :]
        if not message.content.startswith(MARKER * count) or (number == first and content.startswith(MARKER)):
            raise BadRecord(
                "image_tokens", f"expected the question to begin with {count} times {MARKER!r}", where=where
            )
        ids = [self.start]
        before = f"{message.role}\n"
        for tokens in visual[:count]:
            ids += [*self.encode(before), *[self.image] * tokens]
            before = "\n"
        return [*ids, *self.encode(before + content), self.end, *self.newline]

    @staticmethod
    def _add(ids: list[int], labels: list[int], new: list[int], *, is_supervised: bool = False) -> None:
        ids += new
        labels += new if is_supervised else [IGNORED] * len(new)
