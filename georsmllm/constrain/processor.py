"""The logits processor of constrained decoding: each row of a batch may only go on as the form of its answer allows.

B rows, T tokens, V vocabulary
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from transformers import LogitsProcessor

from georsmllm.errors import UsageError
from georsmllm.model.tokens import Chat

from . import automaton, pieces
from .automaton import State
from .form import Form
from .pieces import Ints


class PointTextProcessor(LogitsProcessor):
    """For one call of `generate`: forms in the order of its rows, None for a row that is free.

    prompt_length: T of the prompts, left-padded. budget: max_new_tokens; an answer ends within it, even if the model never
    asks to, as long as each byte of it is at most one token. Greedy or sampled, one answer for each prompt; a batch of
    another size raises UsageError, for beams change places and their rows cannot be told apart. Raises UsageError, too,
    where the budget is too small for the shortest answer.
    """

    def __init__(self, chat: Chat, forms: Sequence[Form | None], *, prompt_length: int, budget: int) -> None:
        self._pieces = pieces.of_chat(chat)
        self._forms = tuple(forms)
        self._prompt_length = prompt_length
        self._budget = budget
        self._starts = [None if form is None else self._pieces.start(form) for form in self._forms]
        needed = max((automaton.shortest(state) for state in self._starts if state is not None), default=0)
        if needed > budget:
            raise UsageError(f"max_new_tokens is {budget}, and an answer of the asked form may need {needed}; raise it")
        self._states: list[State | None] = list(self._starts)
        self._length = prompt_length

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """For input_ids (B, T) and scores (B, V) of the next token: scores of -inf for all that may not come."""
        self._advance(input_ids)
        rows, ids = self._allowed(self._budget - (self._length - self._prompt_length) - 1)
        bound = [row for row, state in enumerate(self._states) if state is not None]
        if not bound:
            return scores
        index = torch.from_numpy(np.stack((rows, ids))).to(scores.device, non_blocking=True)
        if len(bound) == len(self._forms):
            masked = torch.full_like(scores, -torch.inf)
        else:
            masked = scores.index_fill(0, torch.tensor(bound, device=scores.device), -torch.inf)
        masked[index[0], index[1]] = scores[index[0], index[1]]
        return masked

    def _advance(self, input_ids: torch.LongTensor) -> None:
        """Every row past its newest token; one transfer from the device."""
        num_rows, length = input_ids.shape
        if num_rows != len(self._forms):
            raise UsageError(
                f"constrained decoding got {num_rows} rows for {len(self._forms)} questions: it works with one beam and one "
                "answer for each; leave out num_beams and num_return_sequences"
            )
        if length == self._prompt_length:
            self._states = list(self._starts)
        else:
            assert length == self._length + 1, "a processor sees every token of its one call of generate"
            newest: list[int] = input_ids[:, -1].tolist()
            for row, (state, token) in enumerate(zip(self._states, newest, strict=True)):
                if state is not None:
                    self._states[row] = None if token == self._pieces.end else self._pieces.step(state, token)
        self._length = length

    def _allowed(self, left: int) -> tuple[Ints, Ints]:
        """Rows and ids of all that may come, as index pairs. left: the tokens that are left behind the next one."""
        bound = [(row, state) for row, state in enumerate(self._states) if state is not None]
        ids = [self._pieces.allowed(state, left) for _, state in bound]
        if not bound:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        return np.repeat([row for row, _ in bound], [len(one) for one in ids]), np.concatenate(ids)
