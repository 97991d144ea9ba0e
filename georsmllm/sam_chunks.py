"""How many prompts a device decodes best at once: found on the prompts themselves, never slower than one call an object."""

from __future__ import annotations

from georsmllm.errors import UsageError

MOST = 64
_WORSE = 1.05
"""A size counts as worse where an object takes so much longer than at the best size so far."""


class Chunks:
    """Doubles from 1 while an object does not take longer, then stays at the size that was best; `size` is the next to take.

    The first call at each size is the measurement: its objects have to be decoded anyway. The very first call of all is
    left out, since it sets up kernels. fixed: no measuring, so that the same prompts always make the same batches.
    """

    def __init__(self, fixed: int | None = None) -> None:
        self.size = fixed or 1
        self.is_settled = fixed is not None
        self.most = MOST
        self.seconds: dict[int, float] = {}
        """Of one object, by the size of the call."""
        self._is_warm = False

    def learn(self, num: int, seconds: float) -> None:
        """A call of `num` prompts took so long; only a full call of the size under test says something."""
        if self.is_settled or num != self.size:
            return
        if not self._is_warm:
            self._is_warm = True
            return
        self.seconds[num] = seconds / num
        best = min(self.seconds, key=lambda size: (self.seconds[size], size))
        if self.seconds[num] > _WORSE * self.seconds[best] or num * 2 > self.most:
            self.size, self.is_settled = best, True
        else:
            self.size = num * 2

    def halve(self) -> None:
        """Memory ran out at this size: half of it from now on, and never more; raises UsageError at 1."""
        if self.size == 1:
            raise UsageError("out of memory at a single prompt of SAM 2; take a smaller SAM 2, or the CPU as device")
        self.size = self.most = self.size // 2
        self.is_settled = True
