"""The planner that asks a language model: any OpenAI-compatible server, our own validation, one second chance."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from .chatting import Ability, Line, Reply, Server
from .plan import BadPlan, Plan
from .planner import NoCondition, NoPlan, Planned, Planner
from .prompting import Message, messages, prompt_version
from .replies import NOTHING_SEEN, understood
from .replycache import ReplyCache

MAX_QUERY = 4000
"""Characters; a longer query is no question."""
_MAX_RETURNED = 20_000


class LlmPlanner:
    """Plans by a language model. Raises NoPlan where the server does not do its part, NoCondition where the model says that
    the query holds no condition; UsageError where the address is none. timeout_s: for one query, all tries together. cache: a
    folder for plans that were made, None to keep none.

    What a server takes (schema, JSON, plain text) is probed by the first query and remembered, in the cache, too.
    """

    def __init__(
        self, *, base_url: str, model: str, api_key: str = "", timeout_s: float = 60.0, cache: Path | None = None
    ) -> None:
        self.server = Server(base_url.strip(), model, api_key.strip(), timeout_s)
        self.name = f"llm {model}"
        self._cache = ReplyCache(cache)
        self._ability = self._known_ability()

    def plan(self, query: str, *, num_images: int = 1) -> Planned:
        """The plan that the model made, or once made, of a query."""
        asked = query.strip()
        if not asked:
            raise NoCondition("the query is empty")
        if len(asked) > MAX_QUERY:
            raise NoPlan(f"a query of {len(asked)} characters, a language model is asked at most {MAX_QUERY}")
        question = ("plan", self.server.url, self.server.model, prompt_version(), num_images, asked)
        kept = self._cache.get(*question)
        if kept is not None:
            try:
                return Planned(understood(kept), self.name)
            except BadPlan:
                pass  # it was damaged, or comes from another version
        return self._asked(asked, num_images, question)

    def _asked(self, query: str, num_images: int, question: tuple[str | int, ...]) -> Planned:
        line = Line(self.server, self._ability)
        try:
            plan = _planned_by(line, query, num_images)
        finally:
            line.close()
        self._remember(line.ability)
        trouble = self._cache.put(plan or _NOTHING, *question)
        if plan is None:
            raise NoCondition(NOTHING_SEEN)
        return Planned(plan, self.name, (trouble,) if trouble else ())

    def _remember(self, ability: Ability) -> None:
        if ability != self._ability:
            self._ability = ability
            self._cache.put(ability, "ability", self.server.url, self.server.model)

    def _known_ability(self) -> Ability:
        kept = self._cache.get("ability", self.server.url, self.server.model)
        try:
            return msgspec.json.decode(kept, type=Ability) if kept else Ability()
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return Ability()


_NOTHING = {"steps": [], "answer_from": "", "answer_type": "boxes"}


def _planned_by(line: Line, query: str, num_images: int) -> Plan | None:
    """The plan of the first reply, or of the second, which has been told what is wrong with the first; None where it says
    that there is nothing to plan."""
    reply, complaint = Reply("", False), ""

    def told(with_schema: bool) -> Sequence[Message]:
        asked = messages(query, num_images=num_images, with_schema=with_schema)
        if not complaint:
            return asked
        again = f"That is not a plan: {complaint}. Answer with the corrected JSON object and nothing else."
        return (*asked, Message("assistant", reply.text[:_MAX_RETURNED] or "{}"), Message("user", again))

    for _ in range(2):
        reply = line.reply(told)
        try:
            return understood(reply.text)
        except NoCondition:
            return None
        except BadPlan as error:
            complaint = f"the reply was too long and was cut; {error}" if reply.cut else str(error)
    raise NoPlan(f"the language model {line.server.model} answered twice with no plan ({complaint})")


class Fallback:
    """What the first planner plans; where it cannot (NoPlan), what the second does, with a notice that says why."""

    def __init__(self, first: Planner, second: Planner) -> None:
        self.first, self.second = first, second

    def plan(self, query: str, *, num_images: int = 1) -> Planned:
        try:
            return self.first.plan(query, num_images=num_images)
        except NoPlan as error:
            try:
                made = self.second.plan(query, num_images=num_images)
            except NoCondition as none:
                raise NoCondition(f"{none} ({error})") from None
            return made._replace(notices=(f"{error}; the {made.planner} planner made this plan", *made.notices))


def with_fallback(llm: Planner, embedded: Planner) -> Planner:
    """A language model's planner behind which another one stands."""
    return Fallback(llm, embedded)
