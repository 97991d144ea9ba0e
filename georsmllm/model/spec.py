"""The architecture of a model as its config.json states it: parameters, linear layers and arithmetic, without torch.

What a published config.json leaves out has the default of transformers' LlavaOnevisionConfig, Qwen2Config or
SiglipVisionConfig; tests hold the counts against models that transformers builds on the meta device.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import msgspec

from georsmllm.errors import UsageError
from georsmllm.train.recipe import MODULES, Module

ARCHITECTURE = "llava_onevision"
CONFIG = "config.json"
_Size = Annotated[int, msgspec.Meta(ge=1)]


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """Qwen2."""

    model_type: str = "qwen2"
    hidden_size: _Size = 4096
    intermediate_size: _Size = 22016
    num_hidden_layers: _Size = 32
    num_attention_heads: _Size = 32
    num_key_value_heads: _Size | None = 32
    head_dim: _Size | None = None
    vocab_size: _Size = 151936
    tie_word_embeddings: bool = False
    max_position_embeddings: _Size = 32768

    @property
    def head_size(self) -> int:
        return self.head_dim or self.hidden_size // self.num_attention_heads

    @property
    def query_size(self) -> int:
        return self.num_attention_heads * self.head_size

    @property
    def key_size(self) -> int:
        """Of the keys of one token, and of its values."""
        return (self.num_key_value_heads or self.num_attention_heads) * self.head_size


class Vision(msgspec.Struct, frozen=True, kw_only=True):
    """SigLIP's tower. vision_use_head: a pooling head that LLaVA never runs."""

    model_type: str = "siglip_vision_model"
    hidden_size: _Size = 768
    intermediate_size: _Size = 3072
    num_hidden_layers: _Size = 12
    num_attention_heads: _Size = 12
    num_channels: _Size = 3
    image_size: _Size = 224
    patch_size: _Size = 16
    vision_use_head: bool = True

    @property
    def patches(self) -> int:
        """Features of one crop."""
        return (self.image_size // self.patch_size) ** 2


_SO400M = Vision(
    hidden_size=1152,
    intermediate_size=4304,
    num_hidden_layers=26,
    num_attention_heads=16,
    image_size=384,
    patch_size=14,
    vision_use_head=False,
)


class Linear(NamedTuple):
    """num layers of that name, each a matrix of outputs x inputs."""

    module: Module
    name: str
    inputs: int
    outputs: int
    has_bias: bool
    num: int

    @property
    def weights(self) -> int:
        """Numbers in all of their matrices."""
        return self.inputs * self.outputs * self.num

    @property
    def parameters(self) -> int:
        return self.weights + self.outputs * self.num * self.has_bias


class Spec(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A LLaVA-OneVision model in numbers; the names are those of config.json."""

    model_type: str = ARCHITECTURE
    text_config: Text | None = None
    vision_config: Vision | None = None
    image_token_index: int = 151646
    video_token_index: int = 151647
    vision_feature_layer: int | list[int] = -1
    multimodal_projector_bias: bool = True
    tie_word_embeddings: bool = False

    @cached_property
    def text(self) -> Text:
        return self.text_config or Text()

    @cached_property
    def vision(self) -> Vision:
        return self.vision_config or _SO400M

    @property
    def ties_embeddings(self) -> bool:
        """Whether input and output embeddings are one matrix."""
        return self.tie_word_embeddings or self.text.tie_word_embeddings

    @cached_property
    def linears(self) -> tuple[Linear, ...]:
        """Every linear layer that images and text pass; adapters go onto some of them. The output embedding is none."""
        text, vision = self.text, self.vision
        layers, hidden, wide = text.num_hidden_layers, text.hidden_size, text.intermediate_size
        width, blocks = vision.hidden_size, vision.num_hidden_layers
        taken = 1 if isinstance(self.vision_feature_layer, int) else len(self.vision_feature_layer)
        has_bias = self.multimodal_projector_bias
        return (
            Linear("projector", "linear_1", width * taken, hidden, has_bias, 1),
            Linear("projector", "linear_2", hidden, hidden, has_bias, 1),
            Linear("llm", "q_proj", hidden, text.query_size, True, layers),
            Linear("llm", "k_proj", hidden, text.key_size, True, layers),
            Linear("llm", "v_proj", hidden, text.key_size, True, layers),
            Linear("llm", "o_proj", text.query_size, hidden, False, layers),
            Linear("llm", "gate_proj", hidden, wide, False, layers),
            Linear("llm", "up_proj", hidden, wide, False, layers),
            Linear("llm", "down_proj", wide, hidden, False, layers),
            *(
                Linear("vision", name, width, width, True, blocks)
                for name in ("q_proj", "k_proj", "v_proj", "out_proj")
            ),
            Linear("vision", "fc1", width, vision.intermediate_size, True, blocks),
            Linear("vision", "fc2", vision.intermediate_size, width, True, blocks),
        )

    @property
    def embedding(self) -> int:
        """Numbers of one embedding matrix: tokens x hidden_size."""
        return self.text.vocab_size * self.text.hidden_size

    def parameters(self) -> dict[Module, int]:
        """Of each module, exactly. The projector's has the newline vector in it; tied embeddings count once."""
        text, vision = self.text, self.vision
        width = vision.hidden_size
        beside: dict[Module, int] = {
            "projector": text.hidden_size,
            "llm": self.embedding * (1 if self.ties_embeddings else 2)
            + text.hidden_size * (2 * text.num_hidden_layers + 1),
            "vision": self._patch_weights
            + width
            + vision.patches * width
            + 2 * width * (2 * vision.num_hidden_layers + 1)
            + (_head(vision) if vision.vision_use_head else 0),
        }
        return {
            module: beside[module] + sum(linear.parameters for linear in self.linears if linear.module == module)
            for module in MODULES
        }

    @property
    def num_parameters(self) -> int:
        return sum(self.parameters().values())

    @property
    def _patch_weights(self) -> int:
        return self.vision.hidden_size * self.vision.num_channels * self.vision.patch_size**2

    def flops(
        self,
        lengths: Sequence[int],
        crops: int,
        *,
        train: Collection[Module] = (),
        adapters: Collection[Module] = (),
        num_logits: int | None = None,
    ) -> int:
        """Floating-point operations of one forward pass, and of the backward pass that `train` asks for.

        lengths: tokens of the sequences that each attend to themselves alone (the samples of a packed row one by one),
        visual ones included. crops: that the tower sees. train: modules that learn, adapters: those of them that learn by
        adapters alone. num_logits: tokens that the output embedding is computed for, all of them unless given.

        A multiplication and an addition are 2, so a matrix of N numbers costs 2N a token forward, 2N for the gradient of
        its input and 2N for its own: the 6N of Kaplan et al. 2020, section 2.1, and PaLM (Chowdhery et al. 2022, appendix
        B). A frozen matrix has no gradient of its own, and none at all where nothing below it learns. Attention is 4 T^2 D
        a layer (scores and values), twice that backward; of causal attention half is counted, as only half is needed (PaLM
        counts the whole square). Lookups, norms, activations, softmax, adapters and recomputation are not counted: divided
        by time and peak this is a model's utilisation, not the hardware's.
        """
        matrices: dict[Module, int] = dict.fromkeys(MODULES, 0)
        for linear in self.linears:
            matrices[linear.module] += linear.weights
        tokens, features = sum(lengths), crops * self.vision.patches
        text, vision = self.text, self.vision
        squares = sum(length * length for length in lengths)
        attention: dict[Module, int] = {
            "vision": 4 * vision.num_hidden_layers * crops * vision.patches**2 * vision.hidden_size,
            "projector": 0,
            "llm": 2 * text.num_hidden_layers * squares * text.query_size,
        }
        total = 2 * features * self._patch_weights * (2 if "vision" in train and "vision" not in adapters else 1)
        has_gradient = False  # from the first module that learns on, gradients pass
        rows: tuple[tuple[Module, int], ...] = (("vision", features), ("projector", features), ("llm", tokens))
        for module, num_rows in rows:
            forward = 2 * num_rows * matrices[module]
            has_gradient = has_gradient or module in train
            total += forward + attention[module]
            total += (forward + 2 * attention[module]) * has_gradient
            total += forward * (module in train and module not in adapters)
        logits = 2 * (tokens if num_logits is None else num_logits) * self.embedding
        return total + logits * (1 + has_gradient + ("llm" in train and "llm" not in adapters))


def _head(vision: Vision) -> int:
    """Attention pooling: a probe, one attention, a norm and an MLP."""
    width, wide = vision.hidden_size, vision.intermediate_size
    return width + 4 * (width * width + width) + 2 * width + 2 * width * wide + wide + width


def of_folder(folder: Path) -> Spec:
    """What the config.json of a LLaVA-OneVision model states; raises UsageError."""
    path = folder / CONFIG
    try:
        raw = path.read_bytes()
        found = msgspec.json.decode(raw, type=_Kind)
        kinds = (found.text_config.model_type, found.vision_config.model_type)
        if found.model_type != ARCHITECTURE or kinds != ("qwen2", "siglip_vision_model"):
            raise UsageError(
                f"{path}: expected a {ARCHITECTURE} model of qwen2 and siglip_vision_model, "
                f"got {found.model_type} of {' and '.join(kinds)}; `georsmllm model assemble` makes one from parts"
            )
        return msgspec.json.decode(raw, type=Spec)
    except FileNotFoundError:
        raise UsageError(
            f"no such file: {path}; expected the folder of a model, as `georsmllm model` makes it"
        ) from None
    except (NotADirectoryError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path}: {error}; expected the configuration of a LLaVA-OneVision model") from None


class _TextKind(msgspec.Struct, frozen=True):
    model_type: str = "qwen2"


class _VisionKind(msgspec.Struct, frozen=True):
    model_type: str = "siglip_vision_model"


class _Kind(msgspec.Struct, frozen=True):
    """Read first, so that another architecture is named and not taken for a damaged file."""

    model_type: str = "one that is not named"
    text_config: _TextKind = _TextKind()
    vision_config: _VisionKind = _VisionKind()


def published(name: Literal["7b", "0.5b"]) -> Spec:
    """llava-hf/llava-onevision-qwen2-7b-ov-hf and its 0.5b sibling: Qwen2's vocabulary and three tokens, in multiples of 64
    (transformers, convert_llava_onevision_weights_to_hf.py)."""
    small = name == "0.5b"
    text = Text(
        hidden_size=896 if small else 3584,
        intermediate_size=4864 if small else 18944,
        num_hidden_layers=24 if small else 28,
        num_attention_heads=14 if small else 28,
        num_key_value_heads=2 if small else 4,
        vocab_size=152000 if small else 152128,
        tie_word_embeddings=small,
    )
    return Spec(text_config=text, vision_config=_SO400M)
