"""Which planner a person means: the embedded grammar, or a language model with the grammar behind it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

from georsmllm.errors import UsageError

from .planner import Planned, Planner


class EmbeddedPlanner:
    """The grammar of `embedded.py`, loaded when the first query comes. Its notice names what it leaves out. Raises
    NoCondition."""

    def plan(self, query: str, *, num_images: int = 1) -> Planned:
        from .embedded import read
        from .unread import notice

        made, left_out = read(query, num_images=num_images)
        return Planned(made, "embedded", notice(left_out))


class Language(NamedTuple):
    """name: embedded; llm: a model behind an OpenAI-compatible server; auto: llm where a server is named. timeout_s: of one
    query, all tries together. cache: a folder where its plans are kept, None to keep none."""

    name: Literal["auto", "embedded", "llm"] = "auto"
    url: str = ""
    model: str = ""
    key: str = ""
    timeout_s: float = 60.0
    cache: Path | None = None


def planner_of(language: Language, *, strict: bool = False) -> Planner:
    """The planner that is meant. strict: nothing stands behind a language model, its failures stay failures (NoPlan). Raises
    UsageError for a server without a model's name, or the other way round."""
    if language.name == "embedded" or (language.name == "auto" and not language.url and not language.model):
        return EmbeddedPlanner()
    if not language.url or not language.model:
        raise UsageError(
            "a language model that plans needs both its server and its name: --llm-url and --llm-model (or "
            "GEORSMLLM_LLM_URL and GEORSMLLM_LLM_MODEL); --planner embedded needs neither"
        )
    from .llm import LlmPlanner, with_fallback

    llm = LlmPlanner(
        base_url=language.url,
        model=language.model,
        api_key=language.key,
        timeout_s=language.timeout_s,
        cache=language.cache,
    )
    return llm if strict else with_fallback(llm, EmbeddedPlanner())
