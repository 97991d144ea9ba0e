from __future__ import annotations

from random import Random

import pytest
from chats import mixed_chat, qwen2_chat, small_chat
from hypothesis import given, settings
from hypothesis import strategies as st
from test_automaton import FORMS, PLACE

from georsmllm.constrain import automaton
from georsmllm.constrain.form import Form, Points, by_class, texts
from georsmllm.constrain.pieces import Pieces, of_chat
from georsmllm.errors import UsageError
from georsmllm.model.tokens import END, IMAGE, PAD, START, Chat
from georsmllm.types import KINDS


def asked_one_by_one(chat: Chat, state: automaton.State, budget: int) -> set[int]:
    """The tokens that may come next, each tried alone by its bytes."""
    found = {chat.end} if automaton.can_end(state) else set()
    added = set(chat.tokenizer.get_added_tokens_decoder())
    for token in range(chat.size):
        if token in added:
            continue
        behind: automaton.State | None = state
        for byte in of_chat(chat).bytes_of(token):
            behind = automaton.step(behind, byte)
            if behind is None:
                break
        if behind is not None and automaton.shortest(behind) <= budget:
            found.add(token)
    return found


@pytest.mark.parametrize("chat", [small_chat(), mixed_chat()], ids=["small", "mixed"])
@settings(max_examples=60)
@given(form=st.sampled_from(FORMS), seed=st.integers(0, 1 << 32), length=st.integers(0, 60), budget=st.integers(0, 90))
def test_just_the_tokens_that_the_automaton_lets_pass_are_allowed(chat, form, seed, length, budget):
    pieces, rng = of_chat(chat), Random(seed)
    state = pieces.start(form)
    for _ in range(length):
        ways = sorted(set(pieces.allowed(state, 10_000).tolist()) - {chat.end})
        if not ways:
            break
        state = pieces.step(state, rng.choice(ways))
    assert set(pieces.allowed(state, budget).tolist()) == asked_one_by_one(chat, state, budget)


GOLD: tuple[tuple[Form, str], ...] = (
    (Points(("rbox",)), "[(202,506),(237,507),(235,649),(200,648)];[(787,507),(815,506),(818,620),(790,621)]"),
    (Points(("box",), with_keypoints=True), "[(0,0),(1000,1000)]|[(5,6),(100,1000)];[(3,4),(3,4)]"),
    (Points(("polygon",)), "[(1,1),(9,1),(9,9),(1,1)]-[(2,2),(3,2),(3,3),(2,2)]+[(20,20),(30,20),(30,30),(20,20)]"),
    (Points(), "none"),
    (by_class(("Zürich See", "ship"), ("box",)), "Zürich See: none\nship: [(1,2),(3,4)]"),
    (texts(("yes", "no")), "no"),
    (PLACE, "København 京𠮷é, (55.6761, -12.5683)"),
)


def check_gold(chat: Chat) -> None:
    pieces = of_chat(chat)
    for form, text in GOLD:
        state = pieces.start(form)
        ids = chat.encode(text)
        for left, token in zip(range(len(text.encode()), 0, -1), ids, strict=False):
            assert token in pieces.allowed(state, left).tolist(), (text, chat.decode([token]))
            state = pieces.step(state, token)
        assert chat.end in pieces.allowed(state, 0).tolist()


@pytest.mark.parametrize("chat", [small_chat(), mixed_chat()], ids=["small", "mixed"])
def test_the_tokenizers_own_way_to_write_an_answer_is_allowed(chat: Chat) -> None:
    check_gold(chat)


def test_so_it_is_with_the_vocabulary_of_qwen2(real) -> None:
    check_gold(qwen2_chat(real("tokenizer")))


def test_answers_of_qwen2s_pieces_are_read(real) -> None:
    chat, rng = qwen2_chat(real("tokenizer")), Random(5)
    pieces = of_chat(chat)
    for form in (Points(KINDS, with_keypoints=True), by_class(("ship", "car"), ("polygon",)), PLACE):
        for budget in (60, 90, 150):
            state = pieces.start(form)
            ids: list[int] = []
            while len(ids) < budget:
                token = rng.choice(pieces.allowed(state, budget - len(ids) - 1).tolist())
                if token == chat.end:
                    break
                ids.append(token)
                state = pieces.step(state, token)
            assert automaton.accepts(form, chat.decode(ids)), chat.decode(ids)


def test_what_was_looked_up_is_kept_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("georsmllm.constrain.pieces.MOST_KEPT", 50)
    monkeypatch.setattr("georsmllm.constrain.pieces.MOST_NUMBERS", 5)
    chat, rng = small_chat(), Random(3)
    pieces = Pieces(chat)
    state = pieces.start(Points())
    for _ in range(200):
        allowed = pieces.allowed(state, 1000).tolist()
        assert sorted(allowed) == sorted(of_chat(chat).allowed(state, 1000).tolist())
        ways = [token for token in allowed if token != chat.end]
        state = pieces.step(state, rng.choice(ways)) if ways else pieces.start(Points())
    assert pieces.num_kept <= 50


def test_a_vocabulary_without_single_bytes_is_refused() -> None:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    tokenizer = Tokenizer(models.BPE(vocab={"ship": 0, "[": 1, "(": 2}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in (PAD, START, END, IMAGE)])
    pieces = Pieces(Chat(tokenizer, source="toy"))
    with pytest.raises(UsageError, match=r"toy has no token for '\)' alone"):
        pieces.start(Points())


def test_a_vocabulary_that_is_not_of_bytes_is_refused() -> None:
    from tokenizers import AddedToken, Tokenizer, models

    tokenizer = Tokenizer(models.BPE(vocab={"▁ship": 0}, merges=[]))
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in (PAD, START, END, IMAGE)])
    with pytest.raises(UsageError, match="byte-level"):
        Pieces(Chat(tokenizer, source="toy"))
