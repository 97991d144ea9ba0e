"""The model answers in batches: the very prompt of training, left-padded, images decoded while it generates.

Shape letters: B answers of a batch, T prompt tokens, N new tokens, V crops of all images, S side of a crop, I images.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Generator as Spoken
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import torch
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList
from transformers.generation.streamers import BaseStreamer

from georsmllm.answering import Answer, Decoding, Question, ahead
from georsmllm.errors import UsageError
from georsmllm.rng import hash64
from georsmllm.streaming import Ended, Say, Words, heard, never

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import LlavaOnevisionForConditionalGeneration

    from georsmllm.constrain.form import Form
    from georsmllm.model.anyres import Anyres
    from georsmllm.model.tokens import Chat
    from georsmllm.model.views import Views

AHEAD = 2
"""Batches whose images are decoded before they are asked for."""


class _Prepared(NamedTuple):
    """A question as tensors. pixels: V x 3 x S x S, None for text alone; image_sizes: I x (height, width) in pixels."""

    question: Question
    ids: list[int]
    pixels: Tensor | None
    image_sizes: tuple[tuple[int, int], ...]


class _Ticking(BaseStreamer):
    """Is told of every step of a batch, and looks at no token."""

    def __init__(self, tick: Callable[[], None]) -> None:
        self._tick = tick

    def put(self, value: Tensor) -> None:  # noqa: ARG002 - generate hands it
        self._tick()

    def end(self) -> None:
        """Nothing is left to say."""


class _Listener(BaseStreamer):
    """Says the words of a single answer while `generate` makes its tokens."""

    def __init__(self, chat: Chat, say: Say) -> None:
        self._words = Words(chat.decode)
        self._ends = (chat.end, chat.pad)
        self._say = say

    def put(self, value: Tensor) -> None:
        """The prompt, of two dimensions, then each token."""
        if value.dim() == 1 and int(value[0]) not in self._ends:
            self._say(self._words.add(int(value[0])))

    def end(self) -> None:
        self._say(self._words.rest())


class Generator:
    """A model that answers. batch_size: the most answers at once. workers: threads that decode images. say: told once, where
    memory ran out and batches were halved. shares_steps: other processes generate in step with this one (ZeRO-3), so that
    halving a batch here alone would leave them waiting: running out of memory is an error then."""

    def __init__(
        self,
        model: LlavaOnevisionForConditionalGeneration,
        chat: Chat,
        views: Views,
        anyres: Anyres,
        *,
        batch_size: int = 8,
        workers: int = 2,
        say: Callable[[str], None] = lambda _: None,
        shares_steps: bool = False,
    ) -> None:
        self.model = model
        self.chat = chat
        self.views = views
        self.anyres = anyres
        self.batch_size = batch_size
        self.workers = workers
        self.shares_steps = shares_steps
        self._say = say
        self._has_said = False
        self.waited_s = 0.0
        """Time that the model stood still for images."""

    def answers(
        self, questions: Sequence[Question], max_new_tokens: int, forms: Sequence[Form | None] | None = None
    ) -> list[str]:
        """Greedy answers in the order of the questions; those of like lengths are answered together. forms: in the place of
        the questions' own."""
        if forms is not None:
            questions = [replace(one, form=form) for one, form in zip(questions, forms, strict=True)]
        return [answer.text for answer in self.answered(questions, Decoding(max_new_tokens))]

    def answered(self, questions: Sequence[Question], decoding: Decoding) -> list[Answer]:
        """The same with how each answer ended."""
        lengths = [self.prompt_length(question) for question in questions]
        order = sorted(range(len(questions)), key=lambda i: (-lengths[i], i))
        batches = [order[at : at + self.batch_size] for at in range(0, len(order), self.batch_size)]
        asked = [[questions[i] for i in batch] for batch in batches]
        found: dict[int, Answer] = {}
        for batch, answers in zip(batches, self.stream(asked, decoding), strict=True):
            found.update(zip(batch, answers, strict=True))
        return [found[i] for i in range(len(questions))]

    def prompt_length(self, question: Question) -> int:
        """Tokens that the model is given, the visual ones among them."""
        return len(self._prompt(question))

    def stream(
        self,
        batches: Iterable[Sequence[Question]],
        decoding: Decoding,
        *,
        tick: Callable[[], None] | None = None,
    ) -> Iterator[list[Answer]]:
        """The answers of each batch in turn, while the images of the next ones are decoded. tick: called between tokens; what
        it raises ends the work. Raises BadRecord, UsageError."""
        listener = None if tick is None else _Ticking(tick)
        prepared = ahead(batches, self._prepare, workers=self.workers, depth=AHEAD)
        with _evaluating(self.model), closing(prepared):
            since = time.perf_counter()
            for batch in prepared:
                self.waited_s += time.perf_counter() - since
                yield self._in_memory(batch, decoding, listener)
                since = time.perf_counter()

    def pieces(
        self,
        question: Question,
        decoding: Decoding,
        *,
        form: Form | None = None,
        stop: Callable[[], bool] = never,
    ) -> Spoken[str, None, Ended | None]:
        """The text of one answer as it is generated, never half a character; joined it is what `answered` gives. Returns how it
        ended. form: in the place of the question's own. stop: asked at every token, in another thread; closing the generator
        stops, too. One answer at a time: the model is not for several threads. Raises BadRecord, UsageError."""
        asked = question if form is None else replace(question, form=form)

        def generate(say: Say) -> Ended:
            with _evaluating(self.model):
                one = self._prepare(asked)
                say("")  # whoever has gone meanwhile waits for no token
                found = self._generated_if_it_fits([one], decoding, _Listener(self.chat, say))
            if found is None:
                raise _out_of_memory(1, len(one.ids))
            return Ended(found[0].finish, len(one.ids), found[0].num_tokens)

        return heard(generate, stop)

    def _prompt(self, question: Question) -> list[int]:
        visual = self.anyres.tokens(question.sizes_wh) if question.sizes_wh else ()
        return self.chat.prompt(question.messages, visual, where=question.where)

    def _prepare(self, question: Question) -> _Prepared:
        ids = self._prompt(question)
        if not question.sizes_wh:
            return _Prepared(question, ids, None, ())
        seen = self.views.pixels(question.images())
        pixels = seen.pixels.to(self.model.dtype)
        if self.model.device.type == "cuda":
            pixels = pixels.pin_memory()
        return _Prepared(question, ids, pixels, seen.sizes_hw)

    def _in_memory(self, batch: list[_Prepared], decoding: Decoding, listener: BaseStreamer | None) -> list[Answer]:
        """The answers of a batch, in pieces that fit into memory."""
        answers: list[Answer] = []
        while len(answers) < len(batch):
            piece = batch[len(answers) : len(answers) + self.batch_size]
            found = self._generated_if_it_fits(piece, decoding, listener)
            if found is None:
                self._halve(len(piece), max(len(one.ids) for one in piece))
            else:
                answers += found
        return answers

    def _generated_if_it_fits(
        self, batch: list[_Prepared], decoding: Decoding, listener: BaseStreamer | None = None
    ) -> list[Answer] | None:
        """None: out of memory; what was allocated goes with this frame."""
        try:
            return self._generated(batch, decoding, listener)
        except torch.OutOfMemoryError:
            return None

    def _halve(self, size: int, longest: int) -> None:
        torch.cuda.empty_cache()
        if size == 1 or self.shares_steps:
            raise _out_of_memory(size, longest)
        self.batch_size = size // 2
        if not self._has_said:
            self._say(f"out of memory at {size} answers at once: batches are halved until they fit")
            self._has_said = True

    def _generated(
        self, batch: list[_Prepared], decoding: Decoding, listener: BaseStreamer | None = None
    ) -> list[Answer]:
        inputs = self._inputs(batch)
        num_prompt = inputs["input_ids"].shape[1]
        forms = [one.question.form for one in batch]
        processors: list[LogitsProcessor] = []
        if any(form is not None for form in forms):
            from georsmllm.constrain.processor import PointTextProcessor

            processors.append(
                PointTextProcessor(self.chat, forms, prompt_length=num_prompt, budget=decoding.max_new_tokens)
            )
        with _seeded(decoding, [one.question.id for one in batch], self.model.device):
            ids_BT = self.model.generate(
                **inputs,
                generation_config=self._settings(decoding),
                logits_processor=LogitsProcessorList(processors),
                streamer=listener,
            )
        return [self._answer(row) for row in ids_BT[:, num_prompt:].tolist()]

    def _inputs(self, batch: list[_Prepared]) -> dict[str, Tensor]:
        """What the model is given; sizes and counts stay on the CPU, where their numbers are read one by one."""
        device = self.model.device
        num_prompt = max(len(one.ids) for one in batch)
        ids_BT = torch.full((len(batch), num_prompt), self.chat.pad)
        mask_BT = torch.zeros_like(ids_BT)
        for row, one in enumerate(batch):
            ids_BT[row, num_prompt - len(one.ids) :] = torch.tensor(one.ids)
            mask_BT[row, num_prompt - len(one.ids) :] = 1
        inputs = {"input_ids": ids_BT.to(device), "attention_mask": mask_BT.to(device)}
        pixels = [one.pixels.to(device, non_blocking=True) for one in batch if one.pixels is not None]
        if pixels:
            inputs["pixel_values"] = torch.cat(pixels)
            inputs["image_sizes"] = torch.tensor([size for one in batch for size in one.image_sizes])
            # an entry for each sample that has images: one image is tiled, several are not
            inputs["batch_num_images"] = torch.tensor([len(one.image_sizes) for one in batch if one.image_sizes])
        return inputs

    def _settings(self, decoding: Decoding) -> GenerationConfig:
        """Everything that changes an answer, said outright."""
        samples = decoding.temperature > 0
        return GenerationConfig(
            max_new_tokens=decoding.max_new_tokens,
            do_sample=samples,
            temperature=decoding.temperature if samples else 1.0,
            top_p=decoding.top_p if samples else 1.0,
            top_k=0 if samples else 50,  # 50 is the library's "not set"; anything else warns where nothing is sampled
            num_beams=1,
            repetition_penalty=1.0,
            no_repeat_ngram_size=0,
            use_cache=True,
            eos_token_id=[self.chat.end, self.chat.pad],
            pad_token_id=self.chat.pad,
        )

    def _answer(self, ids_N: list[int]) -> Answer:
        ends = (i for i, token in enumerate(ids_N) if token in (self.chat.end, self.chat.pad))
        end = next(ends, None)
        kept = ids_N[:end]
        return Answer(self.chat.decode(kept), "length" if end is None else "stop", len(kept))


def _out_of_memory(size: int, longest: int) -> UsageError:
    return UsageError(
        f"out of memory at {size} answers at once, with prompts of up to {longest} tokens; lower the batch size or "
        "max_new_tokens, or take a smaller dtype"
    )


@contextmanager
def _evaluating(model: LlavaOnevisionForConditionalGeneration) -> Iterator[None]:
    """Without dropout and without generation settings of its own, and afterwards as it was."""
    was_training, own = model.training, model.generation_config
    model.eval()
    model.generation_config = GenerationConfig()
    try:
        yield
    finally:
        model.train(was_training)
        model.generation_config = own


@contextmanager
def _seeded(decoding: Decoding, ids: list[str], device: torch.device) -> Iterator[None]:
    """Chance from the seed and the questions; the generator of whoever calls is as it was afterwards."""
    if not decoding.temperature:
        yield
        return
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(hash64(decoding.seed, *ids) >> 1)
        yield
