"""Errors arrive as the SDK's own classes, with what a program needs to act on them."""

import os
import time
import uuid

import openai
import pytest
from conftest import MODEL, client_for, user


@pytest.mark.parametrize(
    "key",
    ["sk-unknown", "no-key-at-all", os.environ.get("SDK_TEST_REVOKED_KEY")],
    ids=["unknown", "malformed", "revoked"],
)
def test_a_key_that_is_not_good_is_an_authentication_error(client, key):
    with pytest.raises(openai.AuthenticationError) as raised:
        client.with_options(api_key=key).chat.completions.create(model=MODEL, messages=user("hello"))

    assert raised.value.status_code == 401
    assert raised.value.code == "invalid_api_key"
    assert raised.value.type == "authentication_error"
    assert raised.value.request_id, "what a user names when asking for help"


def test_an_unknown_model_is_not_found(client):
    with pytest.raises(openai.NotFoundError) as raised:
        client.chat.completions.create(model="gpt-4oo", messages=user("hello"))

    assert (raised.value.code, raised.value.param) == ("model_not_found", "model")
    assert "gpt-4o" in raised.value.message, "the nearest model is named"


def test_an_unknown_model_cannot_be_retrieved(client):
    with pytest.raises(openai.NotFoundError) as raised:
        client.models.retrieve("gpt-4oo")

    assert raised.value.code == "model_not_found"


def test_a_base_url_without_its_version_is_told_the_way(client):
    wrong = str(client.base_url).removesuffix("/v1/")
    with pytest.raises(openai.NotFoundError, match="/v1/chat/completions"):
        client.with_options(base_url=wrong).chat.completions.create(model=MODEL, messages=user("hello"))


@pytest.mark.parametrize("stream", [False, True])
def test_a_value_out_of_range_names_its_parameter(client, stream):
    with pytest.raises(openai.BadRequestError) as raised:
        client.chat.completions.create(model=MODEL, messages=user("hello"), temperature=2.1, stream=stream)

    assert raised.value.param == "temperature"
    assert raised.value.code == "decimal_above_max_value"
    assert raised.value.type == "invalid_request_error"


def test_a_mistake_inside_a_message_is_named_by_its_path(client):
    messages = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": 7}}]}]
    with pytest.raises(openai.BadRequestError) as raised:
        client.chat.completions.create(model=MODEL, messages=messages)

    assert raised.value.param == "messages[0].content[0].image_url.url"


def test_what_the_provider_refuses_keeps_its_parameter_and_code(client):
    with pytest.raises(openai.BadRequestError) as raised:
        client.chat.completions.create(model=MODEL, messages=user("refuse"), seed=13)

    assert (raised.value.param, raised.value.code) == ("seed", "bad_seed")
    assert "this seed brings bad luck" in raised.value.message


def test_a_rate_limit_says_when_to_come_back(client):
    with pytest.raises(openai.RateLimitError) as raised:
        client.chat.completions.create(model="gpt-4o-mini", messages=user("rate limit"))

    assert raised.value.status_code == 429
    assert raised.value.code == "rate_limit_exceeded"
    assert 1 <= int(raised.value.response.headers["retry-after"]) <= 7


def test_a_rate_limit_that_passes_is_survived_by_the_sdks_own_retry(client):
    started = time.monotonic()
    answer = client.with_options(max_retries=2).chat.completions.create(
        model=MODEL, messages=user(f"rate limit once: {uuid.uuid4()}")
    )

    assert answer.choices[0].message.content == "Hello from the provider."
    assert time.monotonic() - started > 0.5, "it waited as it was told"


def test_an_overloaded_provider_is_a_503(client):
    with pytest.raises(openai.InternalServerError) as raised:
        client.chat.completions.create(model=MODEL, messages=user("overloaded"))

    assert raised.value.status_code == 503
    assert raised.value.type == "server_error"
    assert int(raised.value.response.headers["retry-after"]) >= 1


def test_a_key_at_its_concurrency_is_a_rate_limit_and_free_again_afterwards():
    with client_for("SDK_TEST_SINGLE_KEY_PYTHON") as client:
        with client.chat.completions.create(model=MODEL, messages=user("stall"), stream=True) as stream:
            next(stream)
            with pytest.raises(openai.RateLimitError) as raised:
                client.chat.completions.create(model=MODEL, messages=user("hello"))
        assert raised.value.code == "concurrency_limit_exceeded"
        assert "retry-after" in raised.value.response.headers

        # The gate learns from the closed connection that the first stream is gone.
        answer = client.with_options(max_retries=4).chat.completions.create(model=MODEL, messages=user("hello"))
        assert answer.choices[0].message.content == "Hello from the provider."


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_waits_no_longer_gets_its_own_timeout(client, stream):
    started = time.monotonic()
    with pytest.raises(openai.APITimeoutError):
        # Less than the gate's keep-alive, which would answer a stream.
        client.with_options(timeout=0.1).chat.completions.create(model=MODEL, messages=user("silence"), stream=stream)

    assert time.monotonic() - started < 5
