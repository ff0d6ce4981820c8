"""Tool exchanges while the model thinks, with every kind of provider that wants its thoughts back.

The provider refuses a second turn whose signatures or thoughts are missing, as the real ones do; an
application that knows nothing but chat completions must not notice.
"""

import pytest
from conftest import user

MODELS = [
    "claude-sonnet-4-6",
    "claude-sonnet-4-5-20250929",
    "gemini-3-flash-preview",
    "gpt-5-3-codex",
    "deepseek-v4-flash",
    "kimi-k2.5",
    "minimax-m2.5",
]
# One of each protocol beside chat completions.
PROTOCOLS = ["claude-sonnet-4-6", "gemini-3-flash-preview", "gpt-5-3-codex"]
DRAWS = "gemini-3.1-flash-image-preview"
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Says what the weather is like.",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]
WAYS = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])


def ask(client, streamed, **request):
    """The message of the answer, and its finish reason."""
    if streamed:
        with client.chat.completions.stream(**request) as stream:
            choice = stream.get_final_completion().choices[0]
    else:
        choice = client.chat.completions.create(**request).choices[0]
    return choice.message, choice.finish_reason


def bare(message):
    """The message as an application sends it back that keeps what OpenAI documents."""
    calls = [
        {"id": call.id, "type": "function", "function": {"name": call.function.name, "arguments": call.function.arguments}}
        for call in message.tool_calls
    ]
    return {"role": "assistant", "content": message.content, "tool_calls": calls}


def question(model):
    return {"model": model, "messages": user("weather"), "tools": TOOLS, "reasoning_effort": "high"}


def continued(request, assistant, calls):
    results = [{"role": "tool", "tool_call_id": call.id, "content": "21 °C"} for call in calls]
    return {**request, "messages": [*request["messages"], assistant, *results]}


@WAYS
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("sent_back", [bare, lambda message: message], ids=["bare", "as the SDK has it"])
def test_a_tool_exchange_survives_thinking(thinkers, model, streamed, sent_back):
    message, finish = ask(thinkers, streamed, **question(model))

    assert finish == "tool_calls"
    assert message.reasoning_content == "I should look it up."
    assert message.tool_calls[0].function.arguments.replace(" ", "") == '{"city":"Oslo"}'

    second = continued(question(model), sent_back(message), message.tool_calls)
    message, finish = ask(thinkers, streamed, **second)
    assert (message.content, finish) == ("It is 21 °C.", "stop")


@WAYS
@pytest.mark.parametrize("model", MODELS)
def test_a_tool_exchange_survives_a_gate_that_has_forgotten(thinkers, forgetful, model, streamed):
    message, _ = ask(thinkers, streamed, **question(model))

    second = continued(question(model), bare(message), message.tool_calls)
    message, finish = ask(forgetful, streamed, **second)
    assert (message.content, finish) == ("It is 21 °C.", "stop")


@pytest.mark.parametrize("model", MODELS)
def test_a_second_question_goes_on_after_the_exchange(thinkers, model):
    first, _ = ask(thinkers, False, **question(model))
    second = continued(question(model), bare(first), first.tool_calls)
    answer, _ = ask(thinkers, False, **second)
    messages = [*second["messages"], {"role": "assistant", "content": answer.content}, *user("weather again")]

    message, finish = ask(thinkers, True, **{**second, "messages": messages})

    assert finish == "tool_calls"
    assert message.tool_calls[0].id != first.tool_calls[0].id


@pytest.mark.parametrize(("began", "goes_on"), [(a, b) for a in PROTOCOLS for b in [*PROTOCOLS, MODELS[4]] if a != b])
def test_a_conversation_may_change_its_model(thinkers, began, goes_on):
    message, _ = ask(thinkers, False, **question(began))

    second = continued(question(goes_on), message, message.tool_calls)
    message, finish = ask(thinkers, False, **second)
    assert (message.content, finish) == ("It is 21 °C.", "stop")


@pytest.mark.parametrize("model", PROTOCOLS)
def test_thoughts_are_streamed_before_the_text_and_usage_comes_last(thinkers, model):
    chunks = list(
        thinkers.chat.completions.create(
            model=model, messages=user("think"), stream=True, stream_options={"include_usage": True}
        )
    )

    *chunks, last = chunks
    deltas = [chunk.choices[0].delta for chunk in chunks]
    pieces = [getattr(delta, "reasoning_content", None) or delta.content for delta in deltas]
    assert "".join(piece for piece in pieces if piece) == "First this.Then that."
    assert last.choices == []
    assert last.usage.total_tokens == last.usage.prompt_tokens + last.usage.completion_tokens == 29


def test_images_come_beside_the_text_and_may_be_sent_back(thinkers):
    for streamed in (False, True):
        if streamed:
            stream = thinkers.chat.completions.create(model=DRAWS, messages=user("draw"), stream=True)
            deltas = [chunk.choices[0].delta for chunk in stream if chunk.choices]
            text = "".join(delta.content or "" for delta in deltas)
            images = [image for delta in deltas for image in getattr(delta, "images", None) or []]
        else:
            message = thinkers.chat.completions.create(model=DRAWS, messages=user("draw")).choices[0].message
            text, images = message.content, message.images

        assert text == "Here:"
        assert [image["type"] for image in images] == ["image_url"]
        assert images[0]["image_url"]["url"].startswith("data:image/gif;base64,R0lGOD")

        back = {"role": "assistant", "content": text, "images": images}
        messages = [*user("draw"), back, *user("draw it again, in blue")]
        again = thinkers.chat.completions.create(model=DRAWS, messages=messages)
        assert again.choices[0].message.content == "Here:"


@pytest.mark.parametrize("model", ["claude-sonnet-4-6", "gpt-5-3-codex"])
def test_several_answers_come_from_a_provider_that_gives_one(thinkers, model):
    raw = thinkers.chat.completions.with_raw_response.create(model=model, messages=user("hello"), n=2)
    answer = raw.parse()

    assert [choice.index for choice in answer.choices] == [0, 1]
    assert {choice.message.content for choice in answer.choices} == {"Hello from the provider."}
    assert answer.usage.total_tokens == 2 * 29
    assert "n" in raw.headers["x-tollgate-notes"]

    said = {0: "", 1: ""}
    for chunk in thinkers.chat.completions.create(model=model, messages=user("hello"), n=2, stream=True):
        for choice in chunk.choices:
            said[choice.index] += choice.delta.content or ""
    assert said == {0: "Hello from the provider.", 1: "Hello from the provider."}
