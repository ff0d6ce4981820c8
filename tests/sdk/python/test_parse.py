"""Structured output: `parse`, and the stream helper with a schema."""

from conftest import MODEL, user
from pydantic import BaseModel


class Event(BaseModel):
    name: str
    day: str
    people: list[str]


EXPECTED = Event(name="Science fair", day="Friday", people=["Ada", "Grace"])


def test_parse_returns_the_type_that_was_asked_for(client):
    answer = client.chat.completions.parse(model=MODEL, messages=user("event"), response_format=Event)

    assert answer.choices[0].message.parsed == EXPECTED
    assert answer.choices[0].message.refusal is None


def test_the_stream_helper_parses_at_the_end(client):
    with client.chat.completions.stream(model=MODEL, messages=user("event"), response_format=Event) as stream:
        answer = stream.get_final_completion()

    assert answer.choices[0].message.parsed == EXPECTED
