"""What is saved: open to plain transformers, under published names, the same bytes for the same seed, whole or not there."""

from __future__ import annotations

import json
import os
import resource
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file

from georsmllm.errors import UsageError
from georsmllm.model import load, save, tiny
from georsmllm.model.save import new_folder, published_name, write_tensors
from georsmllm.model.tokens import TEMPLATE, Chat
from georsmllm.types import Message

pytestmark = pytest.mark.filterwarnings("default")

ELSEWHERE = """
import sys, json

class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("georsmllm", "converters", "instruct_data", "parser", "scripts"):
            raise ImportError(f"{name} is not to be had here")

sys.meta_path.insert(0, Nothing())
folder, out = sys.argv[1:]
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import (AutoConfig, AutoModelForImageTextToText, AutoProcessor, AutoTokenizer, GenerationConfig,
                          LlavaOnevisionImageProcessorPil, LlavaOnevisionProcessor)
from transformers.utils import is_torchvision_available

class ImageOnly(LlavaOnevisionProcessor):
    def __init__(self, image_processor=None, tokenizer=None, num_image_tokens=None, vision_feature_select_strategy=None,
                 chat_template=None, image_token="<image>", video_token="<video>", vision_aspect_ratio="anyres_max_9", **kw):
        super().__init__(image_processor, tokenizer, None, num_image_tokens, vision_feature_select_strategy,
                         chat_template, image_token, video_token, vision_aspect_ratio, **kw)

assert "georsmllm" not in sys.modules
config, tokenizer = AutoConfig.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
model, info = AutoModelForImageTextToText.from_pretrained(folder, output_loading_info=True)
processor = ImageOnly.from_pretrained(folder, backend="pil")
try:
    auto = type(AutoProcessor.from_pretrained(folder)).__name__
except (ImportError, AttributeError, OSError, ValueError) as error:
    auto = "refused: " + " ".join(str(error).split())
image = Image.open(out + ".png")
asked = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "[count] Ships?"}]}]
text = processor.apply_chat_template(asked, add_generation_prompt=True)
inputs = processor(images=[[image]], text=[text], return_tensors="pt")
with torch.no_grad():
    logits = model(**inputs).logits
save_file({"ids": inputs["input_ids"], "pixels": inputs["pixel_values"], "logits": logits}, out)
print(json.dumps({
    "config": type(config).__name__, "tokenizer": type(tokenizer).__name__, "model": type(model).__name__,
    "missing": sorted(info["missing_keys"]), "unexpected": sorted(info["unexpected_keys"]), "auto": auto,
    "torchvision": is_torchvision_available(), "eos": GenerationConfig.from_pretrained(folder).eos_token_id,
    "template": processor.chat_template, "image": tokenizer.convert_tokens_to_ids("<image>"), "text": text,
}))
"""


def test_plain_transformers_opens_a_model_and_computes_the_same_logits(mini: Path, tmp_path: Path) -> None:
    folder = save.save(load.model(mini), mini, tmp_path / "saved")
    picture = Image.effect_noise((90, 50), 80).convert("RGB")
    out = tmp_path / "elsewhere.safetensors"
    picture.save(f"{out}.png")
    code = [sys.executable, "-I", "-W", "ignore", "-c", ELSEWHERE, str(folder), str(out)]
    done = subprocess.run(code, capture_output=True, text=True, check=False, env={**os.environ, "HF_HUB_OFFLINE": "1"})
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert (said["config"], said["tokenizer"]) == ("LlavaOnevisionConfig", "Qwen2Tokenizer")
    assert said["model"] == "LlavaOnevisionForConditionalGeneration"
    assert (said["missing"], said["unexpected"]) == ([], [])
    assert said["template"] == TEMPLATE
    chat = Chat.of_folder(folder)
    assert (said["image"], said["eos"]) == (chat.image, chat.end)
    if said["torchvision"]:
        assert said["auto"] == "LlavaOnevisionProcessor"
    else:  # its video part is there, and needs what is not installed; a bare tokenizer would be a silent mistake
        assert said["auto"].startswith("refused"), said["auto"]
        assert "orchvision" in said["auto"]
    processor = load.processor(folder)
    inputs = processor(images=[[picture]], text=[said["text"]], return_tensors="pt")
    with safe_open(out, "pt") as theirs, torch.no_grad():
        ids = theirs.get_tensor("ids")
        prompt = chat.prompt([Message("user", "<image>\n[count] Ships?")], [(ids == chat.image).sum()], where="a")
        assert ids.tolist() == [prompt]
        assert torch.equal(theirs.get_tensor("pixels"), inputs["pixel_values"])
        assert torch.equal(theirs.get_tensor("logits"), load.model(mini)(**inputs).logits)


def test_the_class_is_named_by_which_vllm_chooses_its_own(mini: Path, tmp_path: Path) -> None:
    bare = json.loads((mini / "config.json").read_text())
    assert bare.pop("architectures") == ["LlavaOnevisionForConditionalGeneration"]
    model = load.model(mini)
    model.config.architectures = None
    saved = save.save(model, mini, tmp_path / "saved")
    assert json.loads((saved / "config.json").read_text())["architectures"] == [
        "LlavaOnevisionForConditionalGeneration"
    ]


PROCESSOR_KEYS = {
    "": ["image_processor", "image_token", "num_image_tokens", "processor_class", "video_processor", "video_token",
         "vision_aspect_ratio", "vision_feature_select_strategy"],
    "image_processor": ["do_convert_rgb", "do_normalize", "do_pad", "do_rescale", "do_resize", "image_grid_pinpoints",
                        "image_mean", "image_processor_type", "image_std", "resample", "rescale_factor", "size"],
    "video_processor": ["do_convert_rgb", "do_normalize", "do_rescale", "do_resize", "do_sample_frames", "image_mean",
                        "image_std", "resample", "rescale_factor", "return_metadata", "size", "video_processor_type"],
}  # fmt: skip


def test_the_processor_has_the_keys_that_transformers_writes_where_torchvision_is(mini: Path) -> None:
    settings = json.loads((mini / "processor_config.json").read_text())
    assert {part: [*(settings[part] if part else settings)] for part in PROCESSOR_KEYS} == PROCESSOR_KEYS
    assert settings["image_processor"]["image_processor_type"] == "LlavaOnevisionImageProcessor"
    assert settings["video_processor"]["video_processor_type"] == "LlavaOnevisionVideoProcessor"
    tokenizer = json.loads((mini / "tokenizer_config.json").read_text())
    assert settings["processor_class"] == tokenizer["processor_class"] == "LlavaOnevisionProcessor"
    assert (settings["num_image_tokens"], settings["image_processor"]["size"]) == (4, {"height": 28, "width": 28})


def test_the_image_section_is_what_the_image_processor_itself_writes(mini: Path) -> None:
    theirs = load.processor(mini).image_processor.to_dict()
    ours = json.loads((mini / "processor_config.json").read_text())["image_processor"]
    ours.pop("image_processor_type")
    theirs["size"] = dict(theirs["size"])
    assert json.loads(json.dumps({key: theirs[key] for key in ours})) == ours


def test_names_are_the_published_ones(mini: Path) -> None:
    with safe_open(mini / "model.safetensors", "pt") as file:
        names = {*file.keys()}
    assert {name.split(".")[0] for name in names} == {
        "language_model", "vision_tower", "multi_modal_projector", "image_newline"
    }  # fmt: skip
    assert "language_model.lm_head.weight" in names
    assert "language_model.model.layers.1.self_attn.q_proj.bias" in names
    assert "vision_tower.vision_model.encoder.layers.0.mlp.fc1.weight" in names


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("lm_head.weight", "language_model.lm_head.weight"),
        ("model.image_newline", "image_newline"),
        ("model.language_model.norm.weight", "language_model.model.norm.weight"),
        ("model.multi_modal_projector.linear_1.bias", "multi_modal_projector.linear_1.bias"),
        ("model.vision_tower.post_layernorm.bias", "vision_tower.vision_model.post_layernorm.bias"),
        ("model.vision_tower.vision_model.post_layernorm.bias", "vision_tower.vision_model.post_layernorm.bias"),
    ],
)
def test_a_name_in_memory_becomes_the_published_one_and_stays_it(name: str, published: str) -> None:
    assert published_name(name) == published
    assert published_name(published) == published


def test_saving_what_was_loaded_changes_no_byte_of_the_weights(mini: Path, tmp_path: Path) -> None:
    out = save.save(load.model(mini), mini, tmp_path / "again")
    for name in ("model.safetensors", "tokenizer.json", "processor_config.json", "chat_template.jinja"):
        assert (out / name).read_bytes() == (mini / name).read_bytes(), name


@pytest.mark.parametrize("name", ["mini", "demo"])
def test_the_same_seed_gives_the_same_bytes(name: str, tmp_path: Path) -> None:
    one, two = (tiny.make(name, tmp_path / side, texts=["a pier at the lake"]) for side in "ab")
    other = tiny.make(name, tmp_path / "c", texts=["a pier at the lake"], seed=1)
    files = sorted(path.name for path in one.iterdir())
    assert files == sorted(path.name for path in two.iterdir())
    for file in files:
        assert (one / file).read_bytes() == (two / file).read_bytes(), file
    assert (other / "model.safetensors").read_bytes() != (one / "model.safetensors").read_bytes()
    assert stat.S_IMODE((one / "model.safetensors").stat().st_mode) == stat.S_IMODE(
        (one / "config.json").stat().st_mode
    )


def test_a_tiny_model_has_the_size_it_says(tmp_path: Path) -> None:
    model = load.model(tiny.make("demo", tmp_path / "demo"))
    assert sum(one.numel() for one in model.parameters()) == tiny.size("demo").spec.num_parameters


def test_a_tiny_tokenizer_reads_its_texts_in_fewer_tokens(tmp_path: Path) -> None:
    text = "The zeppelin hangar stands beside the zeppelin mast. " * 3
    plain = tiny.train_tokenizer([], 400)
    taught = tiny.train_tokenizer([text], 400)
    assert len(taught.encode(text).ids) < len(plain.encode(text).ids)
    assert taught.decode(taught.encode(f"{text} [(202,5)] 航空 é").ids) == f"{text} [(202,5)] 航空 é"
    assert taught.encode("2024").tokens == ["2", "0", "2", "4"]


def test_large_weights_are_cut_into_shards_with_an_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(save, "SHARD_BYTES", 4 * 250)
    tensors = {f"t{i}": torch.full((100,), float(i)) for i in range(5)}
    write_tensors(tensors, tmp_path)
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    assert index["metadata"]["total_size"] == 5 * 400
    assert sorted({*index["weight_map"].values()}) == [f"model-0000{i}-of-00003.safetensors" for i in (1, 2, 3)]
    for name, file in index["weight_map"].items():
        with safe_open(tmp_path / file, "pt") as shard:
            assert torch.equal(shard.get_tensor(name), tensors[name])


def test_a_save_replaces_a_model_and_nothing_else(mini: Path, tmp_path: Path) -> None:
    model, out = load.model(mini), tmp_path / "out"
    for _ in range(2):
        save.save(model, mini, out)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    diary = tmp_path / "diary"
    diary.mkdir()
    (diary / "monday.txt").write_text("rain")
    with pytest.raises(UsageError, match=r"diary is there already and holds monday.txt; choose another place"):
        save.save(model, mini, diary)
    assert (diary / "monday.txt").read_text() == "rain"


def test_a_model_whose_replacing_was_killed_is_back_with_the_next_save(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with new_folder(out) as folder:
        (folder / "config.json").write_text("old")
    out.rename(tmp_path / ".out-old.part")
    with pytest.raises(ZeroDivisionError), new_folder(out, replace=True):
        raise ZeroDivisionError
    assert (out / "config.json").read_text() == "old"


def test_a_block_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with new_folder(out) as folder:
        (folder / "config.json").write_text("old")
    with pytest.raises(ZeroDivisionError), new_folder(out, replace=True) as folder:
        (folder / "config.json").write_text("new")
        raise ZeroDivisionError
    assert (out / "config.json").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


SAVES_FOREVER = """
import sys
from pathlib import Path
import torch
from georsmllm.model.save import new_folder, write_tensors
print("ready", flush=True)
for number in range(2, 10**6):
    with new_folder(Path(sys.argv[1]), replace=True) as folder:
        (folder / "config.json").write_text(str(number))
        write_tensors({"t": torch.full((200_000,), float(number))}, folder)
"""


def test_a_killed_save_leaves_a_whole_model_or_none(tmp_path: Path) -> None:
    out = tmp_path / "out"
    seen = set()
    for pause in (0.03, 0.1):
        child = subprocess.Popen([sys.executable, "-c", SAVES_FOREVER, str(out)], stdout=subprocess.PIPE)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(pause)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        seen.add(out.exists())
        if out.exists():
            number = float((out / "config.json").read_text())
            with safe_open(out / "model.safetensors", "pt") as file:
                assert torch.equal(file.get_tensor("t"), torch.full((200_000,), number))
    assert True in seen
    with new_folder(out, replace=True) as folder:  # what the killed ones left is in nobody's way
        (folder / "config.json").write_text("1")
        save_file({}, folder / "model.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("write", [Path.write_bytes, torch.save, save_file], ids=["system", "torch", "safetensors"])
def test_a_full_disk_is_one_line_whoever_meets_it(tmp_path: Path, write: Callable[..., object]) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    many = {"weights": torch.zeros(1 << 16)}
    said = pytest.raises(UsageError, match=r"no space left while writing .*model")
    try:
        with said as raised, new_folder(tmp_path / "model") as folder:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
            if write is Path.write_bytes:
                (folder / "some").write_bytes(bytes(2000))
            else:
                write(many, str(folder / "some"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert len(str(raised.value).splitlines()) == 1 and not (tmp_path / "model").exists()
