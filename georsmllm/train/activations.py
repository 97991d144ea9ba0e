"""What autograd keeps of one micro-batch, in bytes, counted tensor by tensor as transformers' own layers save them.

The method is that of Korthikanti et al. 2022 (arXiv 2205.05198, section 4): add up what each operation keeps for its
gradient. Their 34sbh is GPT's; these are the sums for Qwen2 and SigLIP as transformers computes them (modeling_qwen2.py,
modeling_siglip.py), where a norm works on a float32 copy and a frozen matrix keeps no input. `tests/train/test_memory.py`
holds them against what autograd was handed.

    T tokens, H hidden_size, F intermediate_size, Q and K numbers of a token's queries and keys, c bytes of the arithmetic
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from georsmllm.model.spec import Linear, Spec
from georsmllm.train.recipe import Module

_FLOAT32 = 4


class Work(NamedTuple):
    """A micro-batch. tokens: padding included, length: of its longest row. supervised: tokens that a loss is computed for.
    crops: that the tower sees."""

    rows: int
    length: int
    tokens: int
    supervised: int
    crops: int


class Learning(NamedTuple):
    """How a module learns. way: frozen, whole, adapters. copies: its weights are float32 and its arithmetic bf16 (autocast).
    adapted: the linear layers that have adapters of that rank; dropout: bytes a number of its mask, 0 where there is none."""

    way: Literal["frozen", "whole", "adapters"]
    copies: bool = False
    adapted: tuple[Linear, ...] = ()
    rank: int = 0
    dropout: int = 0
    dora: bool = False


class Setting(NamedTuple):
    """compute: bytes of the arithmetic. attention: by_sample is sdpa on packed rows. is_masked: rows attend through a
    mask of length x length (padding), which sdpa turns into numbers in every layer."""

    learning: dict[Module, Learning]
    compute: int
    attention: Literal["sdpa", "by_sample", "eager", "flash_attention_2"]
    is_masked: bool
    checkpointing: bool


class Kept(NamedTuple):
    """Bytes. llm, vision, projector: kept from forward to backward. logits: the largest that the loss needs at once. layer:
    what one layer needs while its gradients are computed, of those that need most. tower: of a forward pass through one of
    the tower's layers."""

    llm: int
    vision: int
    projector: int
    logits: int
    layer: int
    tower: int

    @property
    def saved(self) -> int:
        return self.llm + self.vision + self.projector


def kept(spec: Spec, work: Work, setting: Setting) -> Kept:
    """Of a model's forward and backward pass over one micro-batch."""
    text, vision = spec.text, spec.vision
    patches = work.crops * vision.patches
    llm, tower = setting.learning["llm"], setting.learning["vision"]
    passes = tower.way != "frozen" or setting.learning["projector"].way != "frozen" or llm.way != "frozen"
    block = text_layer(spec, work, setting) if passes else 0
    stream = work.tokens * text.hidden_size * _residual(llm, setting.compute)
    sight = vision_layer(spec, patches, setting)
    features = patches * vision.hidden_size * _residual(tower, setting.compute)
    blocks, towers = text.num_hidden_layers, vision.num_hidden_layers
    # the final norm, and what the head is multiplied with
    last = work.tokens * text.hidden_size * _FLOAT32 * passes
    if llm.way == "whole":
        last += (work.tokens + work.supervised) * text.hidden_size * setting.compute
    return Kept(
        llm=last + (blocks * stream if setting.checkpointing else blocks * block),
        vision=(towers * features if setting.checkpointing and sight else towers * sight),
        projector=_projector(spec, patches, setting),
        # log-softmax, its gradient and that of its input in float32, beside the logits themselves
        logits=work.supervised * text.vocab_size * (3 * _FLOAT32 + setting.compute),
        layer=max(
            block + work.tokens * setting.compute * (3 * text.intermediate_size + 4 * text.hidden_size),
            (sight + patches * setting.compute * (2 * vision.intermediate_size + 4 * vision.hidden_size)) * (sight > 0),
        ),
        tower=patches * setting.compute * (4 * vision.hidden_size + 2 * vision.intermediate_size),
    )


def text_layer(spec: Spec, work: Work, setting: Setting) -> int:
    """Of one Qwen2 layer: two norms, attention, the gated MLP."""
    text, c, learning = spec.text, setting.compute, setting.learning["llm"]
    hidden, wide = text.hidden_size, text.intermediate_size
    a_token = 2 * _FLOAT32 * hidden + 3 * c * wide  # what the norms begin from; gate, its SiLU, up
    if learning.way == "whole":
        a_token += 2 * hidden * _residual(learning, c)  # what the norms' own weights are multiplied with
        a_token += c * wide + c * hidden * (5 if learning.copies else 2)  # inputs of q k v, of gate and up, of down
    if setting.attention == "by_sample" and learning.way != "frozen":
        a_token += c * text.query_size  # the samples' outputs in one row, for o_proj
    scores = work.rows * work.length**2
    repeats = setting.is_masked and setting.attention == "sdpa"  # keys and values are written out for every head
    keys = text.query_size if repeats or setting.attention == "eager" else text.key_size
    a_token += c * 2 * (text.query_size + keys) + _FLOAT32 * text.num_attention_heads
    layer = work.tokens * a_token + _adapters(learning, work.tokens, c)
    if setting.attention == "eager":
        return layer + scores * text.num_attention_heads * (_FLOAT32 + c)
    return layer + scores * c * repeats


def vision_layer(spec: Spec, patches: int, setting: Setting) -> int:
    """Of one SigLIP layer: two norms, attention, the MLP."""
    width, wide = spec.vision.hidden_size, spec.vision.intermediate_size
    c, learning = setting.compute, setting.learning["vision"]
    if learning.way == "frozen":
        return 0
    a_patch = 2 * width * _residual(learning, c) + 4 * c * width + c * wide  # norms; q k v out; what GELU begins from
    if learning.way == "whole":
        a_patch += c * wide + c * width * (4 if learning.copies else 2)
    return patches * (a_patch + _FLOAT32 * spec.vision.num_attention_heads) + _adapters(learning, patches, c)


def _projector(spec: Spec, patches: int, setting: Setting) -> int:
    hidden, c = spec.text.hidden_size, setting.compute
    learns = setting.learning["projector"].way != "frozen"
    passes = learns or setting.learning["vision"].way != "frozen"
    return patches * c * (hidden * passes + (hidden + spec.vision.hidden_size) * learns)


def _adapters(learning: Learning, tokens: int, c: int) -> int:
    """Of each adapted layer: its input, dropped out (or cast) for itself, its mask, and r numbers between the two matrices.
    DoRA keeps two outputs besides, and an identity matrix of its inputs, through which PEFT multiplies the adapter out."""
    a_layer = {one.name: one for one in learning.adapted}
    own_copy = learning.dropout > 0 or learning.copies
    all_inputs = sum(one.inputs for one in a_layer.values())
    inputs = all_inputs if own_copy else _shared_inputs(a_layer)
    a_token = c * (inputs + learning.rank * len(a_layer)) + learning.dropout * all_inputs
    if not learning.dora:
        return tokens * a_token
    outputs = sum(one.outputs for one in a_layer.values())
    return tokens * (a_token + 2 * c * outputs) + c * sum(one.inputs**2 for one in a_layer.values())


def _shared_inputs(layers: dict[str, Linear]) -> int:
    """q, k and v read one tensor, gate and up another."""
    readers = ({"q_proj", "k_proj", "v_proj"}, {"gate_proj", "up_proj"}, {"down_proj"}, {"fc1"}, {"fc2"})
    return sum(next((layers[name].inputs for name in sorted(group) if name in layers), 0) for group in readers)


def _residual(learning: Learning, c: int) -> int:
    """Bytes of the stream that layers add to: float32 where its embeddings learn in float32."""
    return _FLOAT32 if learning.way == "whole" and learning.copies else c
