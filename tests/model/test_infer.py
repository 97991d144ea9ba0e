"""Answers in batches: what one question gets alone it gets among others, and what plain transformers would say."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from georsmllm import selecting
from georsmllm.answering import Decoding, Question, posed
from georsmllm.constrain.form import Exactly
from georsmllm.errors import BadRecord, UsageError
from georsmllm.infer import Generator
from georsmllm.model import anyres, load, tiny
from georsmllm.model.tokens import MARKER, Chat
from georsmllm.model.views import Views
from georsmllm.streaming import Ended
from georsmllm.types import Message

pytestmark = pytest.mark.filterwarnings("default")

SIZES = ((), ((40, 30),), ((60, 60), (60, 60)), ((90, 20),), ((30, 30), (50, 40)), ((100, 90),), ())
BUDGET = Decoding(12)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.make("mini", tmp_path_factory.mktemp("infer") / "mini", seed=3)


@pytest.fixture
def made(folder: Path) -> Callable[..., Generator]:
    def make(**options: object) -> Generator:
        model = load.model(folder, dtype="float32")
        return Generator(model, Chat.of_folder(folder), Views.of_folder(folder), anyres.of_folder(folder), **options)

    return make


def picture(size_wh: tuple[int, int], seed: int) -> Image.Image:
    width, height = size_wh
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def question(number: int, sizes_wh: tuple[tuple[int, int], ...]) -> Question:
    images = tuple(picture(size, number * 7 + i) for i, size in enumerate(sizes_wh))
    words = MARKER * len(images) + "[det] Where are the ships?" + " And the storage tanks?" * (number % 3)
    return Question(f"q{number}", (Message("user", words),), sizes_wh, lambda: images, f"records.jsonl:{number + 1}")


QUESTIONS = [question(number, sizes) for number, sizes in enumerate(SIZES)]


def test_a_question_gets_the_same_answer_alone_and_among_others(made: Callable[..., Generator]) -> None:
    together = made(batch_size=len(QUESTIONS)).answered(QUESTIONS, BUDGET)
    assert together == made(batch_size=1).answered(QUESTIONS, BUDGET)
    assert together == made(batch_size=3, workers=1).answered(QUESTIONS, BUDGET)
    assert len({answer.text for answer in together}) > 4, "the model answers everything alike, nothing was compared"


def test_plain_transformers_says_the_same(made: Callable[..., Generator], folder: Path) -> None:
    """By the processor, the chat template and the generation settings that are saved with the model."""
    model, processor = load.model(folder, dtype="float32"), load.processor(folder)
    for one in QUESTIONS:
        content = [{"type": "image"} for _ in one.sizes_wh]
        words = one.messages[0].content.removeprefix(MARKER * len(one.sizes_wh))
        text = processor.apply_chat_template(
            [{"role": "user", "content": [*content, {"type": "text", "text": words}]}], add_generation_prompt=True
        )
        images = [list(one.images())] if one.sizes_wh else None
        inputs = processor(text=[text], images=images, return_tensors="pt")
        ids = model.generate(**inputs, max_new_tokens=BUDGET.max_new_tokens)[0, inputs["input_ids"].shape[1] :]
        theirs = processor.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        assert made().answers([one], BUDGET.max_new_tokens) == [theirs], one.id


def test_the_image_decides_with_the_words(made: Callable[..., Generator]) -> None:
    (one,) = (one for one in QUESTIONS if one.sizes_wh == ((40, 30),))
    other = replace(one, images=lambda: (picture((40, 30), 99),))
    assert made().answers([one], 12) != made().answers([other], 12)


def test_the_gold_answer_is_never_shown(made: Callable[..., Generator]) -> None:
    told = [replace(one, messages=(*one.messages, Message("assistant", "[(1,2),(3,4)]"))) for one in QUESTIONS]
    assert made().answered(told, BUDGET) == made().answered(QUESTIONS, BUDGET)


def test_an_answer_that_the_budget_cut_is_marked(made: Callable[..., Generator]) -> None:
    generator = made()
    (cut,) = generator.answered(QUESTIONS[:1], Decoding(3))
    assert (cut.finish, cut.num_tokens) == ("length", 3)
    (whole,) = generator.answered([replace(QUESTIONS[0], form=Exactly("none"))], Decoding(30))
    assert (whole.text, whole.finish) == ("none", "stop")
    assert 1 <= whole.num_tokens <= len("none")


def test_forms_bind_some_and_leave_others_free(made: Callable[..., Generator]) -> None:
    forms = [Exactly(f"{number}") if number % 2 else None for number in range(len(QUESTIONS))]
    answers = made(batch_size=3).answers(QUESTIONS, 12, forms)
    free = made().answers(QUESTIONS, 12)
    assert answers == [str(n) if n % 2 else free[n] for n in range(len(QUESTIONS))]


def test_settings_of_a_published_model_change_nothing(made: Callable[..., Generator]) -> None:
    plain = made().answered(QUESTIONS, BUDGET)
    generator = made()
    own = generator.model.generation_config
    own.do_sample, own.temperature, own.top_k, own.top_p = True, 5.0, 20, 0.8
    own.repetition_penalty, own.max_length, own.num_beams = 3.0, 5, 2
    own.min_new_tokens, own.suppress_tokens = 12, [generator.chat.end, *generator.chat.encode(" the")]
    generator.model.config.use_cache = False
    assert generator.answered(QUESTIONS, BUDGET) == plain
    assert generator.answers(QUESTIONS[:1], 30, [Exactly("none")]) == ["none"]
    assert generator.model.generation_config is own


def test_sampling_follows_its_seed_and_leaves_the_callers_chance_alone(made: Callable[..., Generator]) -> None:
    generator = made()
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = generator.answered(QUESTIONS, Decoding(12, temperature=1.0, seed=5))
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(2)
    assert generator.answered(QUESTIONS, Decoding(12, temperature=1.0, seed=5)) == first
    assert generator.answered(QUESTIONS, Decoding(12, temperature=1.0, seed=6)) != first


def test_a_model_in_training_is_in_training_afterwards(made: Callable[..., Generator]) -> None:
    generator = made()
    generator.model.train()
    generator.answers(QUESTIONS[:2], 2)
    assert generator.model.training
    assert generator.model.get_input_embeddings().training


def test_images_are_opened_beside_the_model(made: Callable[..., Generator]) -> None:
    opened: list[tuple[str, int]] = []
    answered: list[int] = []

    def watched(one: Question) -> Question:
        def images() -> object:
            opened.append((threading.current_thread().name, len(answered)))
            return one.images()

        return replace(one, images=images)

    batches = [[watched(one)] for one in QUESTIONS if one.sizes_wh]
    for _ in made().stream(batches, Decoding(2)):
        answered.append(1)  # noqa: PERF401 - seen by the watchers meanwhile
    assert len(opened) == 5
    assert all(name.startswith("images") for name, _ in opened)
    assert [before for _, before in opened][2] == 0, "the third batch waited for the first answer"


def running_out_above(generator: Generator, size: int) -> None:
    generate = generator.model.generate

    def small(**inputs: torch.Tensor) -> torch.Tensor:
        if len(inputs["input_ids"]) > size:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return generate(**inputs)

    generator.model.generate = small


def test_out_of_memory_halves_the_batch_and_says_so_once(made: Callable[..., Generator]) -> None:
    said: list[str] = []
    generator = made(batch_size=6, say=said.append)
    running_out_above(generator, 1)
    assert generator.answered(QUESTIONS, BUDGET) == made(batch_size=1).answered(QUESTIONS, BUDGET)
    assert said == ["out of memory at 6 answers at once: batches are halved until they fit"]


@pytest.mark.parametrize(("fits", "options"), [(0, {}), (2, {"shares_steps": True})])
def test_what_never_fits_says_what_to_lower(
    made: Callable[..., Generator], fits: int, options: dict[str, object]
) -> None:
    generator = made(batch_size=4, **options)
    running_out_above(generator, fits)
    with pytest.raises(UsageError, match=r"out of memory at \d answers at once.*lower the batch size"):
        generator.answered(QUESTIONS, BUDGET)


def test_a_bad_image_rises_with_its_place(made: Callable[..., Generator]) -> None:
    def gone() -> tuple[Image.Image, ...]:
        raise BadRecord("image_missing", "a.png is gone", where="records.jsonl:3")

    batch = [*QUESTIONS[:1], replace(QUESTIONS[1], images=gone)]
    with pytest.raises(BadRecord, match=r"records.jsonl:3: a.png is gone"):
        made().answers(batch, 4)


def to_the_end(pieces) -> tuple[list[str], Ended]:
    said = []
    while True:
        try:
            said.append(next(pieces))
        except StopIteration as end:
            return said, end.value


@pytest.mark.parametrize("decoding", [BUDGET, Decoding(12, temperature=1.0, seed=5), Decoding(1)])
def test_pieces_joined_are_the_answer(made: Callable[..., Generator], decoding: Decoding) -> None:
    generator = made()
    for one in QUESTIONS:
        (whole,) = generator.answered([one], decoding)
        pieces, ended = to_the_end(generator.pieces(one, decoding))
        assert "".join(pieces) == whole.text
        assert ended == Ended(whole.finish, generator.prompt_length(one), whole.num_tokens)
        assert all(pieces)
    assert len(pieces) > 1 or decoding.max_new_tokens == 1


def test_pieces_keep_to_a_form(made: Callable[..., Generator]) -> None:
    generator, form = made(), selecting.form(4)
    (whole,) = generator.answers(QUESTIONS[1:2], 40, [form])
    pieces = list(generator.pieces(QUESTIONS[1], Decoding(40), form=form))
    assert "".join(pieces) == whole
    assert selecting.answer(selecting.read(whole, 4)).startswith("keep: ")
    assert list(generator.pieces(replace(QUESTIONS[1], form=Exactly("Köln 🚢")), Decoding(40)))[-1] == "🚢"


def test_a_tick_between_tokens_may_end_the_work(made: Callable[..., Generator]) -> None:
    class Gone(Exception):
        pass

    generator, ticks = made(), []

    def tick() -> None:
        ticks.append(1)
        if len(ticks) == 5:
            raise Gone

    with pytest.raises(Gone):
        list(generator.stream([QUESTIONS[:2]], Decoding(100_000), tick=tick))
    assert len(ticks) == 5
    calm = list(generator.stream([QUESTIONS[:2]], BUDGET, tick=lambda: None))
    assert calm == [made().answered(QUESTIONS[:2], BUDGET)]


def test_a_listener_that_leaves_stops_the_model(made: Callable[..., Generator]) -> None:
    generator = made()
    generator.model.train()
    before = threading.active_count()
    pieces = generator.pieces(QUESTIONS[0], Decoding(100_000))
    first = [next(pieces), next(pieces)]
    pieces.close()
    assert threading.active_count() == before
    assert generator.model.training
    asked = iter([False] * 4 + [True] * 9)
    stopped = list(generator.pieces(QUESTIONS[0], Decoding(100_000), stop=lambda: next(asked)))
    assert first == stopped[:2]
    assert list(generator.pieces(QUESTIONS[0], Decoding(12), stop=lambda: True)) == []
    assert generator.answered(QUESTIONS[:1], BUDGET) == made().answered(QUESTIONS[:1], BUDGET)


def test_what_goes_wrong_while_pieces_come_rises(made: Callable[..., Generator]) -> None:
    def gone() -> tuple[Image.Image, ...]:
        raise BadRecord("image_missing", "a.png is gone", where="records.jsonl:3")

    generator = made()
    with pytest.raises(BadRecord, match=r"a.png is gone"):
        list(generator.pieces(replace(QUESTIONS[1], images=gone), BUDGET))
    with pytest.raises(UsageError, match="may need 7"):
        list(generator.pieces(QUESTIONS[0], Decoding(3), form=selecting.form(2)))
    running_out_above(generator, 0)
    with pytest.raises(UsageError, match="out of memory at 1 answers"):
        list(generator.pieces(QUESTIONS[0], BUDGET))


def test_a_question_of_no_record_is_posed(made: Callable[..., Generator]) -> None:
    seen = picture((40, 30), 8)
    turns = (Message("user", "Hello."), Message("assistant", "Hello."), Message("user", "[det] Where are the ships?"))
    one = posed(turns, [seen], name="chat")
    assert [message.content for message in one.messages] == [MARKER + "Hello.", "Hello.", turns[2].content]
    assert (one.id, one.sizes_wh, one.images(), one.form) == ("chat", ((40, 30),), [seen], None)
    assert made().answered([one], BUDGET) != made().answered([posed(turns)], BUDGET)
    with pytest.raises(BadRecord, match="question: expected the question to begin with 0 times"):
        made().answers([posed([Message("user", MARKER)])], 4)
