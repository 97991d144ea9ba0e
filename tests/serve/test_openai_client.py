"""The `openai` client as it comes from its registry, against the real server on localhost."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import openai
import pytest
from PIL import Image
from scenery import painted, write_geotiff
from scripted_asker import ScriptedAsker
from serving import served, wait_for

from georsmllm.serve.settings import Settings

KEY = "a-key-of-the-tests"


def client(url: str, key: str = KEY, retries: int = 0) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{url}v1", api_key=key, max_retries=retries, timeout=30)


def data_uri(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def picture(kind: str = "png") -> str:
    out = io.BytesIO()
    painted().save(out, kind)
    return data_uri(out.getvalue(), kind)


def asked(words: str, *urls: str) -> list[dict]:
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return [{"role": "user", "content": [*parts, {"type": "text", "text": words}]}]


@pytest.fixture(scope="module")
def asker() -> ScriptedAsker:
    return ScriptedAsker()


@pytest.fixture(scope="module")
def url(asker: ScriptedAsker):
    with served(asker, Settings(port=0, api_key=KEY, max_upload_bytes=4_000_000, max_pixels=4_000_000)) as at:
        yield at


def test_the_one_model_is_listed(url: str) -> None:
    assert [model.id for model in client(url).models.list()] == ["scripted"]
    assert client(url).models.retrieve("scripted").owned_by == "georsmllm"
    with pytest.raises(openai.NotFoundError):
        client(url).models.retrieve("some/other")


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_a_question_about_an_image_is_answered_in_words_and_geometry(url: str, kind: str) -> None:
    answer = client(url).chat.completions.create(model="scripted", messages=asked("the ships", picture(kind)))
    (choice,) = answer.choices
    assert choice.message.content == "5 ships."
    assert choice.finish_reason == "stop"
    assert answer.usage is None  # nobody counted
    told = choice.message.model_extra["georsmllm"]
    assert [step["text"] for step in told["steps"]] == ["Find all ships."]
    assert [one["class"] for one in told["findings"]] == ["ship"] * 5
    assert len(told["geojson"]["features"]) == 5


def test_a_geotiff_comes_back_on_the_earth(url: str, tmp_path: Path) -> None:
    uri = data_uri(write_geotiff(tmp_path / "place.tif").read_bytes(), "tiff")
    answer = client(url).chat.completions.create(model="scripted", messages=asked("the lake", uri))
    (feature,) = answer.choices[0].message.model_extra["georsmllm"]["geojson"]["features"]
    lon, lat = feature["geometry"]["coordinates"][0][0]
    assert 13 < lon < 14
    assert 52 < lat < 53
    assert len(feature["geometry"]["coordinates"]) == 2  # the island is a hole


def test_a_stream_tells_the_steps_before_the_words_and_the_geometry_last(url: str) -> None:
    stream = client(url).chat.completions.create(
        model="scripted",
        messages=asked("ships near tanks", picture()),
        stream=True,
        stream_options={"include_usage": True},
    )
    kinds, words, last = [], "", None
    for chunk in stream:
        (choice,) = chunk.choices
        extra = choice.delta.model_extra or {}
        kinds += [key for key in extra if key != "georsmllm_progress"]
        if choice.delta.content:
            kinds.append("words")
            words += choice.delta.content
        last = choice
    step = "georsmllm_step"
    assert kinds == ["georsmllm_plan", "georsmllm_notice", step, step, step, "words", "georsmllm"]
    assert words == "2 ships."
    assert last.finish_reason == "stop"
    assert len(last.delta.model_extra["georsmllm"]["findings"]) == 2


def test_history_keeps_the_image_of_an_earlier_message(url: str, asker: ScriptedAsker) -> None:
    messages = [
        *asked("the ships", picture()),
        {"role": "assistant", "content": "5 ships."},
        {"role": "user", "content": "and the tanks?"},
    ]
    answer = client(url).chat.completions.create(model="scripted", messages=messages)
    assert answer.choices[0].message.content == "5 storage tanks."
    assert asker.asked[-1] == ("and the tanks?", None, 1)


def test_two_images_are_a_pair_and_a_box_is_a_visual_prompt(url: str, asker: ScriptedAsker) -> None:
    client(url).chat.completions.create(
        model="scripted",
        messages=asked("new houses", picture(), picture()),
        extra_body={"georsmllm": {"box": [300, 200, 10, 20]}},
    )
    assert asker.asked[-1] == ("new houses", (10, 20, 300, 200), 2)


@pytest.mark.parametrize(
    ("words", "extra"),
    [("[caption] Describe this image.", {}), ("Describe this image.", {"georsmllm": {"mode": "chat"}})],
)
def test_a_task_tag_or_the_mode_chat_is_plain_chat(url: str, asker: ScriptedAsker, words: str, extra: dict) -> None:
    num_asked = len(asker.asked)
    answer = client(url).chat.completions.create(
        model="scripted", messages=asked(words, picture()), temperature=0.5, extra_body=extra
    )
    assert answer.choices[0].message.content == f"You said: {words}"
    assert answer.usage.completion_tokens == len(f"You said: {words}".split(" "))
    assert len(asker.asked) == num_asked
    messages, num_images, temperature = asker.said[-1]
    assert (messages[-1].content, num_images, temperature) == (words, 1, 0.5)


def test_without_any_image_it_is_plain_chat(url: str) -> None:
    answer = client(url).chat.completions.create(
        model="scripted", messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"}]
    )
    assert answer.choices[0].message.content == "You said: hello"


def test_a_chat_is_streamed_cut_and_counted(url: str) -> None:
    stream = client(url).chat.completions.create(
        model="scripted",
        messages=[{"role": "user", "content": "one two three four"}],
        max_tokens=4,
        stream=True,
        stream_options={"include_usage": True},
    )
    pieces, reasons, usage = [], [], None
    for chunk in stream:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            pieces += [choice.delta.content] if choice.delta.content else []
            reasons += [choice.finish_reason] if choice.finish_reason else []
    assert pieces == ["You", " said:", " one", " two"]
    assert reasons == ["length"]
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens == 8


@pytest.mark.parametrize(
    ("stop", "said"),
    [
        ("three", "You said: one two "),
        (["nowhere", " three"], "You said: one two"),
        ("two three f", "You said: one "),
        ("fourth", "You said: one two three four"),
    ],
)
def test_a_chat_ends_before_a_stop_text(url: str, stop: object, said: str) -> None:
    answer = client(url).chat.completions.create(
        model="scripted", messages=[{"role": "user", "content": "one two three four"}], stop=stop
    )
    assert answer.choices[0].message.content == said


def test_unknown_fields_are_ignored(url: str) -> None:
    answer = client(url).chat.completions.create(
        model="scripted",
        messages=[{"role": "user", "content": "hello", "name": "ann"}],
        seed=1,
        user="ann",
        extra_body={"some_field": {"of": "another server"}},
    )
    assert answer.choices[0].message.content == "You said: hello"


REFUSED = [
    ({"n": 2}, "n", "unsupported"),
    ({"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]}, "tools", "unsupported"),
    ({"response_format": {"type": "json_object"}}, "response_format", "unsupported"),
    ({"logprobs": True}, "logprobs", "unsupported"),
    ({"temperature": 3}, "temperature", "invalid_value"),
    ({"max_tokens": 0}, "max_tokens", "invalid_value"),
    ({"extra_body": {"georsmllm": {"box": [1, 1, 1, 9]}}}, "box", "invalid_value"),
    ({"messages": []}, "messages", "invalid_value"),
    ({"messages": [{"role": "assistant", "content": "I"}]}, "messages", "invalid_value"),
    ({"messages": [{"role": "tool", "content": "I", "tool_call_id": "1"}]}, "messages[0].role", "invalid_value"),
    ({"messages": asked("a", *["data:image/png;base64,AA"] * 3)}, "messages", "invalid_value"),
    ({"messages": asked("a", "https://example.org/a.png")}, "image_url", "bad_image"),
    ({"messages": asked("a", "data:image/png;base64,%%%")}, "image_url", "bad_image"),
    ({"messages": asked("a", data_uri(b"no image at all", "png"))}, None, "bad_image"),
    ({"messages": asked("a", data_uri(b"<VRTDataset/>", "tiff"))}, None, "bad_image"),
    ({"messages": asked("refuse this", picture())}, None, "refused"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "param", "code"), REFUSED)
def test_what_cannot_be_served_is_an_error_object(url: str, fields: dict, param: str | None, code: str) -> None:
    given = {"model": "scripted", "messages": [{"role": "user", "content": "hello"}], **fields}
    with pytest.raises(openai.BadRequestError) as caught:
        client(url).chat.completions.create(**given)
    assert (caught.value.param, caught.value.code) == (param, code)
    assert caught.value.type == "invalid_request_error"
    assert "/georsmllm-" not in caught.value.message  # no path of ours


def test_an_unknown_model_is_not_found(url: str) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client(url).chat.completions.create(model="another", messages=[{"role": "user", "content": "hello"}])
    assert caught.value.code == "model_not_found"


@pytest.mark.parametrize("key", ["another-key", "a-key-of-the-test"])
def test_a_wrong_key_is_refused(url: str, key: str) -> None:
    with pytest.raises(openai.AuthenticationError):
        client(url, key=key).models.list()


def test_a_body_beyond_the_limit_is_413(url: str) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        client(url).chat.completions.create(model="scripted", messages=asked("a", data_uri(bytes(3_500_000), "png")))
    assert caught.value.status_code == 413


def test_too_many_pixels_are_413(url: str) -> None:
    out = io.BytesIO()
    Image.new("L", (3000, 2000)).save(out, "png")
    with pytest.raises(openai.APIStatusError) as caught:
        client(url).chat.completions.create(model="scripted", messages=asked("a", data_uri(out.getvalue(), "png")))
    assert (caught.value.status_code, caught.value.code) == (413, "too_many_pixels")


def test_our_own_bug_is_no_stack_trace(url: str) -> None:
    with pytest.raises(openai.InternalServerError) as caught:
        client(url).chat.completions.create(model="scripted", messages=asked("break", picture()))
    assert caught.value.response.json() == {
        "error": {
            "message": "the server failed at this request; its log has the details",
            "type": "server_error",
            "param": None,
            "code": "server_error",
        }
    }


def test_an_error_in_mid_stream_is_one_that_the_client_raises(url: str) -> None:
    stream = client(url).chat.completions.create(model="scripted", messages=asked("refuse", picture()), stream=True)
    with pytest.raises(openai.APIError, match="asks for what no image shows"):
        list(stream)


def test_a_full_queue_is_429_and_says_when_to_come_again() -> None:
    asker = ScriptedAsker(step_s=5)
    with served(asker, Settings(port=0, queue=1)) as url:
        streams = [
            client(url).chat.completions.create(model="scripted", messages=asked("ships", picture()), stream=True)
            for _ in range(2)
        ]
        with pytest.raises(openai.RateLimitError) as caught:
            client(url).chat.completions.create(model="scripted", messages=asked("ships", picture()))
        assert int(caught.value.response.headers["retry-after"]) > 0
        for stream in streams:
            stream.close()


def test_a_client_that_goes_away_in_mid_stream_stops_the_work_and_makes_room() -> None:
    asker = ScriptedAsker(step_s=5)
    with served(asker, Settings(port=0, queue=0)) as url:
        stream = client(url).chat.completions.create(model="scripted", messages=asked("ships", picture()), stream=True)
        next(chunk for chunk in stream if "georsmllm_progress" in (chunk.choices[0].delta.model_extra or {}))
        stream.close()
        assert asker.stopped.wait(3), "the asker went on for nobody"
        asker.step_s = 0
        wait_for(lambda: asker.num_ended == asker.num_begun)
        answer = client(url, retries=3).chat.completions.create(model="scripted", messages=asked("ships", picture()))
        assert answer.choices[0].message.content == "5 ships."


def test_a_chat_that_nobody_hears_any_more_stops_generating() -> None:
    asker = ScriptedAsker(step_s=1)
    with served(asker) as url:
        messages = [{"role": "user", "content": "word " * 500}]
        stream = client(url).chat.completions.create(model="scripted", messages=messages, stream=True)
        next(chunk for chunk in stream if chunk.choices[0].delta.content)
        stream.close()
        assert asker.stopped.wait(5)


def test_a_client_that_gives_up_waiting_stops_the_work_too() -> None:
    asker = ScriptedAsker(step_s=5)
    with served(asker) as url:
        with pytest.raises(openai.APITimeoutError):
            client(url).with_options(timeout=0.7).chat.completions.create(
                model="scripted", messages=asked("ships", picture())
            )
        assert asker.stopped.wait(5)


def test_an_answer_that_takes_too_long_is_504() -> None:
    asker = ScriptedAsker(step_s=5)
    with served(asker, Settings(port=0, ask_timeout_s=0.4)) as url:
        with pytest.raises(openai.APIStatusError) as caught:
            client(url).chat.completions.create(model="scripted", messages=asked("ships", picture()))
        assert caught.value.status_code == 504
        assert asker.stopped.wait(5)


def test_no_file_of_a_request_is_left(asker: ScriptedAsker) -> None:
    import tempfile

    before = set(Path(tempfile.gettempdir()).glob("georsmllm-*"))
    with served(ScriptedAsker()) as url:
        (mine,) = set(Path(tempfile.gettempdir()).glob("georsmllm-*")) - before
        assert mine.stat().st_mode & 0o077 == 0
        client(url).chat.completions.create(model="scripted", messages=asked("ships", picture()))
        wait_for(lambda: not any(mine.iterdir()))
    assert not mine.exists()
