"""`create` without a stream, and what comes with an answer."""

import asyncio

from conftest import MODEL, user


def test_an_answer_comes_under_the_name_that_was_asked_for(client):
    answer = client.chat.completions.create(model=MODEL, messages=user("hello"))

    assert answer.object == "chat.completion"
    assert answer.model == MODEL, "the provider's own name for it stays behind the gate"
    assert answer.choices[0].message.content == "Hello from the provider."
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens == 29


def test_the_raw_response_names_the_request_twice(client):
    raw = client.chat.completions.with_raw_response.create(
        model=MODEL, messages=user("hello"), extra_headers={"x-request-id": "order-66"}
    )

    assert raw.status_code == 200
    assert raw.headers["content-type"] == "application/json"
    assert raw.headers["x-request-id"] == "order-66", "a client's own sane ID comes back"
    assert raw.headers["x-tollgate-request-id"] not in ("", "order-66")
    assert raw.parse().choices[0].message.content == "Hello from the provider."


def test_an_answer_that_is_sent_back_as_it_came_is_taken(client):
    messages = user("hello")
    first = client.chat.completions.create(model=MODEL, messages=messages)

    messages.append(first.choices[0].message)
    messages += user("hello")
    second = client.chat.completions.create(model=MODEL, messages=messages)

    assert second.choices[0].message.content == "Hello from the provider."


def test_reasoning_comes_beside_the_answer_and_may_be_sent_back(client):
    messages = user("think")
    first = client.chat.completions.create(model="deepseek-v4-flash", messages=messages)
    message = first.choices[0].message

    assert (message.reasoning_content, message.content) == ("First this.", "Then that.")

    messages.append(message)
    messages += user("hello")
    second = client.chat.completions.create(model="deepseek-v4-flash", messages=messages)
    assert second.choices[0].message.content == "Hello from the provider."


def test_arguments_that_the_sdk_leaves_out_or_sends_as_null_change_nothing(client):
    answer = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "hello", "name": "ada"}],
        temperature=None,
        stop=None,
        n=1,
        seed=7,
        max_completion_tokens=50,
        user="u-1",
        metadata={"purpose": "test"},
    )

    assert answer.choices[0].message.content == "Hello from the provider."


def test_models_are_listed_and_retrieved(client):
    listed = {model.id: model for model in client.models.list()}

    assert set(listed) == {"gpt-4o", "gpt-4o-mini", "deepseek-v4-flash"}, "what the channels serve"
    assert listed[MODEL].object == "model"
    assert client.models.retrieve(MODEL).model_dump() == listed[MODEL].model_dump()


def test_many_answers_at_once_do_not_mix(async_client):
    async def ask_many():
        async with async_client() as client:
            asked = ["hello", "think", "hello", "think"] * 5
            answers = await asyncio.gather(
                *(client.chat.completions.create(model="deepseek-v4-flash", messages=user(text)) for text in asked)
            )
            return list(zip(asked, (answer.choices[0].message.content for answer in answers), strict=True))

    expected = {"hello": "Hello from the provider.", "think": "Then that."}
    for asked, said in asyncio.run(ask_many()):
        assert said == expected[asked]
