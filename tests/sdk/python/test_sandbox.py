"""The embedded model answers, under other models' names, as a provider would."""

import math
from typing import Literal

import openai
import pytest
from conftest import user
from pydantic import BaseModel, Field

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
    schema = {"type": "object", "properties": {"tags": {"type": "array", "uniqueItems": True}}}
    with pytest.raises(openai.BadRequestError) as raised:
        sandbox.chat.completions.create(
            model="gpt-4o",
            messages=JAPAN,
            response_format={"type": "json_schema", "json_schema": {"name": "tags", "schema": schema}},
        )

    assert raised.value.param == "response_format.json_schema.schema"
    assert "uniqueItems" in raised.value.message


class Step(BaseModel):
    explanation: str = Field(max_length=60)
    result: int


class Solution(BaseModel):
    steps: list[Step] = Field(max_length=2)
    answer: int
    sure: bool | None


def test_parse_returns_the_type_that_was_asked_for(sandbox):
    asked = {"model": MODEL, "messages": user("How much is 17 + 4?"), "response_format": Solution, "seed": 1}
    whole = sandbox.chat.completions.parse(**asked, max_tokens=300)
    with sandbox.chat.completions.stream(**asked, max_tokens=300) as stream:
        streamed = stream.get_final_completion()

    assert isinstance(whole.choices[0].message.parsed, Solution)
    assert streamed.choices[0].message.parsed == whole.choices[0].message.parsed


class GetWeather(BaseModel):
    """Says what the weather is like."""

    city: str = Field(max_length=30)
    unit: Literal["celsius", "fahrenheit"]


def test_a_tool_is_called_with_parsed_arguments_and_its_result_answered(sandbox):
    tools = [openai.pydantic_function_tool(GetWeather, name="get_weather")]
    messages = user("What is the weather in Oslo?")
    first = sandbox.chat.completions.parse(
        model="gpt-4o", messages=messages, tools=tools, tool_choice="required", parallel_tool_calls=False, max_tokens=200
    )
    message = first.choices[0].message
    [call] = message.tool_calls

    assert first.choices[0].finish_reason == "tool_calls"
    assert isinstance(call.function.parsed_arguments, GetWeather)

    messages += [message, {"role": "tool", "tool_call_id": call.id, "content": "21 °C and sunny"}]
    second = sandbox.chat.completions.create(
        model="gpt-4o", messages=messages, tools=tools, tool_choice="none", max_tokens=24
    )
    assert second.choices[0].message.content


def test_a_streamed_call_has_parsed_arguments(sandbox):
    tools = [openai.pydantic_function_tool(GetWeather, name="get_weather")]
    asked = {"model": "gpt-4o", "messages": user("Weather in Rome?"), "tools": tools, "max_tokens": 200}
    named = {"type": "function", "function": {"name": "get_weather"}}
    with sandbox.chat.completions.stream(**asked, tool_choice=named) as stream:
        [call] = stream.get_final_completion().choices[0].message.tool_calls

    assert isinstance(call.function.parsed_arguments, GetWeather)


def test_log_probabilities_add_up(sandbox):
    answer = sandbox.chat.completions.create(
        model="gpt-4o", messages=JAPAN, logprobs=True, top_logprobs=5, max_tokens=8, n=2
    )

    for choice in answer.choices:
        assert "".join(item.token for item in choice.logprobs.content) == choice.message.content
        for item in choice.logprobs.content:
            assert sum(math.exp(other.logprob) for other in item.top_logprobs) <= 1 + 1e-6
