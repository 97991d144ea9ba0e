"""What makes a plan of a query, and what comes of it: one protocol for the embedded planner and for language models."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from georsmllm.errors import GeoRSMLLMError

from .plan import Plan


class Planned(NamedTuple):
    """A plan and who made it. planner: "embedded" or "llm <model name>". notices: lines that a person should read, such as
    that the server of the language model did not answer and the embedded planner took its place."""

    plan: Plan
    planner: str
    notices: tuple[str, ...] = ()


class NoCondition(GeoRSMLLMError):
    """The query holds no visual condition: chit-chat, an empty or an absurd text; the message says so in one line."""


class NoPlan(GeoRSMLLMError):
    """A planner that could not do its work: a server that is down, slow, or answers what is no plan; one line."""


class Planner(Protocol):
    def plan(self, query: str, *, num_images: int = 1) -> Planned:
        """The plan of a query about one image, or about two of a pair. Raises NoCondition."""
        ...
