"""The embedded model answers, under other models' names, as a provider would."""

import openai
import pytest
from conftest import user

MODEL = "claude-sonnet-4-6"
JAPAN = user("What is the capital of Japan?")


def test_it_knows_the_capital_of_japan(sandbox):
    answer = sandbox.chat.completions.create(model=MODEL, messages=JAPAN, temperature=0, max_tokens=40)

    assert answer.model == MODEL
    assert "Tokyo" in answer.choices[0].message.content
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_a_stream_says_what_a_whole_answer_says(sandbox):
    asked = {"model": MODEL, "messages": JAPAN, "temperature": 0, "max_tokens": 24}
    whole = sandbox.chat.completions.create(**asked)
    with sandbox.chat.completions.stream(**asked, stream_options={"include_usage": True}) as stream:
        pieces = [event.delta for event in stream if event.type == "content.delta"]
        streamed = stream.get_final_completion()

    assert len(pieces) > 1
    assert "".join(pieces) == streamed.choices[0].message.content == whole.choices[0].message.content
    assert streamed.usage == whole.usage


def test_the_token_limit_ends_an_answer(sandbox):
    answer = sandbox.chat.completions.create(
        model="gpt-4o", messages=user("Tell me a long story."), max_completion_tokens=5
    )

    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 5


def test_its_answer_may_be_sent_back(sandbox):
    messages = list(JAPAN)
    first = sandbox.chat.completions.create(model=MODEL, messages=messages, max_tokens=16)
    messages.append(first.choices[0].message)
    messages += user("And of France?")

    second = sandbox.chat.completions.create(model=MODEL, messages=messages, max_tokens=8)
    assert second.choices[0].message.content


def test_the_whole_catalogue_can_be_called(sandbox):
    ids = {model.id for model in sandbox.models.list()}

    assert {"claude-sonnet-4-6", "gpt-5-4", "gemini-2.5-pro", "deepseek-v4-flash"} <= ids


def test_what_it_cannot_do_is_a_400_that_names_it(sandbox):
    with pytest.raises(openai.BadRequestError) as raised:
        sandbox.chat.completions.create(model="gpt-4o", messages=JAPAN, logprobs=True)

    assert raised.value.param == "logprobs"
