"""Tools: the call, its arguments, and the way back with the SDK's own message."""

import openai
from conftest import MODEL, user
from pydantic import BaseModel


class GetWeather(BaseModel):
    """Says what the weather is like."""

    city: str


TOOLS = [openai.pydantic_function_tool(GetWeather, name="get_weather")]


def result_for(call):
    return {"role": "tool", "tool_call_id": call.id, "content": "21 °C"}


def test_a_tool_is_called_and_its_result_answered(client):
    messages = user("weather")
    first = client.chat.completions.create(model=MODEL, messages=messages, tools=TOOLS)
    call = first.choices[0].message.tool_calls[0]

    assert first.choices[0].finish_reason == "tool_calls"
    assert (call.function.name, call.function.arguments) == ("get_weather", '{"city": "Oslo"}')

    messages += [first.choices[0].message, result_for(call)]
    second = client.chat.completions.create(model=MODEL, messages=messages, tools=TOOLS)
    assert second.choices[0].message.content == "It is 21 °C."


def test_a_streamed_tool_call_goes_the_same_way(client):
    messages = user("weather")
    with client.chat.completions.stream(model=MODEL, messages=messages, tools=TOOLS) as stream:
        arguments = [event for event in stream if event.type == "tool_calls.function.arguments.delta"]
        message = stream.get_final_completion().choices[0].message
    call = message.tool_calls[0]

    assert "".join(event.arguments_delta for event in arguments) == '{"city": "Oslo"}'
    assert call.function.parsed_arguments == GetWeather(city="Oslo")

    messages += [message, result_for(call)]
    with client.chat.completions.stream(model=MODEL, messages=messages, tools=TOOLS) as stream:
        assert stream.get_final_completion().choices[0].message.content == "It is 21 °C."


def test_a_parsed_tool_call_goes_the_same_way(client):
    messages = user("weather")
    first = client.chat.completions.parse(model=MODEL, messages=messages, tools=TOOLS)
    call = first.choices[0].message.tool_calls[0]

    assert call.function.parsed_arguments == GetWeather(city="Oslo")

    messages += [first.choices[0].message, result_for(call)]
    second = client.chat.completions.parse(model=MODEL, messages=messages, tools=TOOLS)
    assert second.choices[0].message.content == "It is 21 °C."
