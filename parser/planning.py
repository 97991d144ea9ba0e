"""The embedded planner behind the protocol of planners, loaded when the first query comes."""

from __future__ import annotations

from .planner import Planned


class EmbeddedPlanner:
    """The grammar of `embedded.py`. Raises NoCondition."""

    def plan(self, query: str, *, num_images: int = 1) -> Planned:
        from .embedded import plan

        return Planned(plan(query, num_images=num_images), "embedded")
