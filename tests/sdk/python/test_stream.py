"""Streams: the plain iterator, and the helper that puts the pieces together."""

import asyncio

import openai
import pytest
from conftest import MODEL, user


def text_of(chunks):
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def test_a_stream_brings_the_text_in_pieces_and_ends_with_a_finish(client):
    chunks = list(client.chat.completions.create(model=MODEL, messages=user("hello"), stream=True))

    assert text_of(chunks) == "Hello from the provider."
    assert len([chunk for chunk in chunks if chunk.choices[0].delta.content]) == 4, "as they came"
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert len({chunk.id for chunk in chunks}) == 1
    assert {chunk.model for chunk in chunks} == {MODEL}
    assert all(chunk.usage is None for chunk in chunks), "usage was not asked for"


def test_usage_comes_once_and_last_where_it_is_asked_for(client):
    chunks = list(
        client.chat.completions.create(
            model=MODEL, messages=user("hello"), stream=True, stream_options={"include_usage": True}
        )
    )

    *earlier, last = chunks
    assert last.choices == []
    assert (last.usage.prompt_tokens, last.usage.completion_tokens, last.usage.total_tokens) == (21, 8, 29)
    assert all("usage" in chunk.model_fields_set and chunk.usage is None for chunk in earlier)


def test_the_helper_puts_the_answer_together(client):
    with client.chat.completions.stream(
        model=MODEL, messages=user("hello"), stream_options={"include_usage": True}
    ) as stream:
        events = list(stream)
        answer = stream.get_final_completion()

    assert "".join(event.delta for event in events if event.type == "content.delta") == "Hello from the provider."
    assert [event.content for event in events if event.type == "content.done"] == ["Hello from the provider."]
    assert answer.choices[0].message.content == "Hello from the provider."
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == 29


def test_the_helper_of_the_async_client_does_so_too(async_client):
    async def ask():
        async with async_client() as client:
            async with client.chat.completions.stream(model=MODEL, messages=user("hello")) as stream:
                pieces = [event.delta async for event in stream if event.type == "content.delta"]
                return pieces, (await stream.get_final_completion()).choices[0].message.content

    pieces, content = asyncio.run(ask())
    assert "".join(pieces) == content == "Hello from the provider."


def test_reasoning_is_streamed_before_the_text(client):
    chunks = list(client.chat.completions.create(model="deepseek-v4-flash", messages=user("think"), stream=True))

    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    pieces = [getattr(delta, "reasoning_content", None) or delta.content for delta in deltas]
    assert [piece for piece in pieces if piece] == ["First", " this.", "Then", " that."]


def test_a_pause_of_the_provider_is_bridged_by_comments(client):
    patient_for_less_than_the_pause = client.with_options(timeout=0.9)

    chunks = patient_for_less_than_the_pause.chat.completions.create(model=MODEL, messages=user("pause"), stream=True)

    assert text_of(chunks) == "before and after"


def test_a_stream_that_is_cut_raises_after_its_text(client):
    said = []
    with pytest.raises(openai.APIError) as raised:
        for chunk in client.chat.completions.create(model=MODEL, messages=user("cut"), stream=True):
            said.append(chunk)

    assert text_of(said) == "half a sentence"
    assert raised.value.code == "provider_stream_cut", "a quiet end would be taken for success"


def test_a_client_that_leaves_a_stream_can_go_on(client):
    with client.chat.completions.create(model=MODEL, messages=user("stall"), stream=True) as stream:
        assert text_of([next(stream), next(stream)]) == "a beginning"

    answer = client.chat.completions.create(model=MODEL, messages=user("hello"))
    assert answer.choices[0].message.content == "Hello from the provider."
