"""Clients of the gates that run.py started. Without it there is nothing to test against."""

import os

import pytest
from openai import AsyncOpenAI, OpenAI

# Nothing here takes long; a test that hangs must not wait for the SDK's own 600 seconds.
TIMEOUT = 20.0
MODEL = "gpt-4o"


def user(text):
    return [{"role": "user", "content": text}]


def client_for(key_variable, **settings):
    return OpenAI(
        base_url=os.environ["SDK_TEST_URL"],
        api_key=os.environ[key_variable],
        **{"timeout": TIMEOUT, "max_retries": 0, **settings},
    )


@pytest.fixture
def client():
    with client_for("SDK_TEST_KEY") as client:
        yield client


@pytest.fixture
def async_client():
    """Made inside the test's event loop, where it also ends."""
    return lambda: AsyncOpenAI(
        base_url=os.environ["SDK_TEST_URL"], api_key=os.environ["SDK_TEST_KEY"], timeout=TIMEOUT, max_retries=0
    )


def client_of(gate):
    """A client of one of the gates before the strict provider."""
    return OpenAI(
        base_url=os.environ[f"SDK_TEST_{gate}_URL"],
        api_key=os.environ[f"SDK_TEST_{gate}_KEY"],
        timeout=TIMEOUT,
        max_retries=0,
    )


@pytest.fixture
def thinkers():
    with client_of("THINKERS") as client:
        yield client


@pytest.fixture
def forgetful():
    """A gate with the same channels that has kept nothing of any conversation."""
    with client_of("FORGETFUL") as client:
        yield client


@pytest.fixture
def sandbox():
    url = os.environ.get("SDK_TEST_SANDBOX_URL")
    if url is None:
        pytest.skip("no embedded model")
    # A cold model on a busy machine takes a while.
    with OpenAI(base_url=url, api_key=os.environ["SDK_TEST_SANDBOX_KEY"], timeout=120.0, max_retries=0) as client:
        yield client
