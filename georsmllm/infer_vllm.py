"""The same answers by vLLM where it is installed: our prompt tokens with one placeholder an image, which vLLM expands itself.

It tiles every image of a prompt (its LLaVA-OneVision counts each as the only one), while the model learnt pairs by their
base views alone; and it has no LoRA for this architecture (its table of supported models). Both are refused here by name.
Written against the documentation of vLLM 0.12 to 0.19; no test runs vLLM itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from georsmllm.answering import Answer, Decoding, Question, ahead
from georsmllm.errors import UsageError
from georsmllm.rng import hash64

if TYPE_CHECKING:
    from PIL.Image import Image
    from vllm import LLM

    from georsmllm.model.tokens import Chat
    from georsmllm.predictions import Finish


class Request(NamedTuple):
    """One question as vLLM takes it. settings: of its SamplingParams; regex: what the answer must match, "" for anything."""

    prompt_token_ids: list[int]
    images: list[Image]
    settings: dict[str, object]
    regex: str


def request(question: Question, chat: Chat, decoding: Decoding) -> Request:
    """Opens the images; raises BadRecord, and UsageError for a question about several."""
    if len(question.sizes_wh) > 1:
        raise UsageError(
            f"{question.where}: vLLM tiles both images of a pair, the model learnt them whole; use --engine transformers"
        )
    settings: dict[str, object] = {
        "temperature": decoding.temperature,
        "top_p": decoding.top_p if decoding.temperature else 1.0,
        "max_tokens": decoding.max_new_tokens,
        "stop_token_ids": [chat.end, chat.pad],
    }
    if decoding.temperature:
        settings["seed"] = hash64(decoding.seed, question.id) >> 33
    return Request(
        chat.prompt(question.messages, [1] * len(question.sizes_wh), where=question.where),
        list(question.images()) if question.sizes_wh else [],
        settings,
        _regex(question),
    )


def _regex(question: Question) -> str:
    if question.form is None:
        return ""
    from georsmllm.constrain.export import regex

    return regex(question.form)


def prompt_of(asked: Request) -> dict[str, object]:
    """What `LLM.generate` takes for it."""
    prompt: dict[str, object] = {"prompt_token_ids": asked.prompt_token_ids}
    if asked.images:
        prompt["multi_modal_data"] = {"image": asked.images}
    return prompt


def answer_of(token_ids: Sequence[int], finish_reason: str | None, chat: Chat) -> Answer:
    """An answer from what vLLM generated, whose ids hold the end token, too."""
    kept = [token for token in token_ids if token not in (chat.end, chat.pad)]
    finish: Finish = "length" if finish_reason == "length" else "stop"
    return Answer(chat.decode(kept), finish, len(kept))


class VllmEngine:
    """A model that vLLM has loaded; raises UsageError where it is not installed, and for an adapter."""

    def __init__(self, folder: Path, chat: Chat, *, dtype: str, seed: int, workers: int = 2) -> None:
        if (folder / "adapter_config.json").exists():
            raise UsageError(
                f"{folder} is an adapter, and vLLM has none for LLaVA-OneVision; merge it first: georsmllm model merge"
            )
        try:
            from vllm import LLM
        except ModuleNotFoundError:
            raise UsageError(
                "--engine vllm needs vllm (pip install vllm); it brings a torch of its own, so take a fresh environment"
            ) from None
        self.chat = chat
        self.workers = workers
        self.model: LLM = LLM(
            model=str(folder),
            dtype=dtype,
            seed=seed,
            limit_mm_per_prompt={"image": 1, "video": 0},
            generation_config="vllm",  # nothing of the folder's own sampling
        )

    def stream(self, batches: Iterable[Sequence[Question]], decoding: Decoding) -> Iterator[list[Answer]]:
        """The answers of each batch in turn; batches are best large, for vLLM schedules inside of them."""
        from vllm import SamplingParams
        from vllm.sampling_params import StructuredOutputsParams

        def prepare(question: Question) -> Request:
            return request(question, self.chat, decoding)

        for asked in ahead(batches, prepare, workers=self.workers, depth=1):
            settings = [
                SamplingParams(
                    **one.settings,
                    structured_outputs=StructuredOutputsParams(regex=one.regex) if one.regex else None,
                )
                for one in asked
            ]
            outputs = self.model.generate([prompt_of(one) for one in asked], settings, use_tqdm=False)
            done = [output.outputs[0] for output in outputs]
            yield [answer_of(one.token_ids, one.finish_reason, self.chat) for one in done]
