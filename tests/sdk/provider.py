"""A scripted provider that speaks chat completions, for the SDK tests of all languages.

The last user message says what happens: each handler below is named by its text. What a provider
would refuse is refused here too, so that a conversation which the gate or an SDK has bent fails.
Not here: hostile bytes and odd framing, which the Rust tests send through their own provider.
"""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CREATED = 1_760_000_000
USAGE = {
    "prompt_tokens": 21,
    "completion_tokens": 8,
    "total_tokens": 29,
    "prompt_tokens_details": {"cached_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0},
}
EVENT_JSON = '{"name":"Science fair","day":"Friday","people":["Ada","Grace"]}'
# Longer than any test waits, shorter than a run may take.
FOREVER_SECONDS = 60


class ScriptedProvider(ThreadingHTTPServer):
    """Listens on a free port of loopback as soon as it is made; `start` lets it answer."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self._lock = threading.Lock()
        self._asked = {}

    @property
    def base_url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def start(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def times_asked(self, text):
        """How often this text came, this time included."""
        with self._lock:
            self._asked[text] = self._asked.get(text, 0) + 1
            return self._asked[text]

    def handle_error(self, request, client_address):
        """A gate that lets go of a stream is part of the tests, and nothing to report."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        refusal = _refusal(request["messages"])
        if refusal:
            return self._fail(400, refusal, code="invalid_request")
        asked = _last_user_text(request["messages"])
        script = asked.split(":")[0].replace(" ", "_").replace("-", "_")
        getattr(self, f"when_{script}", self.when_hello)(request, asked)

    # What the last user message can ask for.

    def when_hello(self, request, _):
        self._answer(request, content=["Hello", " from", " the", " provider."])

    def when_weather(self, request, _):
        """Asks for the tool until its result is there, then says it."""
        last = request["messages"][-1]
        if last["role"] == "tool":
            self._answer(request, content=["It is ", _text(last["content"]), "."])
        elif not request.get("tools"):
            self._fail(400, "a question for the weather needs a tool", param="tools")
        else:
            self._answer(request, tool=("get_weather", ['{"city"', ': "Os', 'lo"}']))

    def when_event(self, request, _):
        """Structured output, which needs a schema."""
        if (request.get("response_format") or {}).get("type") != "json_schema":
            return self._fail(400, "an event needs a schema", param="response_format")
        self._answer(request, content=[EVENT_JSON[:20], EVENT_JSON[20:41], EVENT_JSON[41:]])

    def when_think(self, request, _):
        self._answer(request, reasoning=["First", " this."], content=["Then", " that."])

    def when_rate_limit(self, request, _):
        self._fail(429, "too many requests", code="rate_limit_exceeded", headers={"retry-after": "7"})

    def when_rate_limit_once(self, request, asked):
        if self.server.times_asked(asked) == 1:
            self._fail(429, "too many requests", code="rate_limit_exceeded", headers={"retry-after": "1"})
        else:
            self.when_hello(request, asked)

    def when_overloaded(self, request, _):
        self._fail(503, "overloaded", kind="server_error", code="overloaded")

    def when_refuse(self, request, _):
        self._fail(400, "this seed brings bad luck", param="seed", code="bad_seed")

    def when_silence(self, request, _):
        time.sleep(FOREVER_SECONDS)

    def when_pause(self, request, _):
        """A stream that pauses for longer than the tests' clients would wait in silence."""
        self._answer(request, content=["before", " and after"], pause=1.5)

    def when_stall(self, request, _):
        self._answer(request, content=["a beginning", " and no end"], pause=FOREVER_SECONDS)

    def when_cut(self, request, _):
        """Ends without a finish, as no good stream does."""
        with self._stream() as send:
            send(_chunk({"role": "assistant", "content": "half a"}))
            send(_chunk({"content": " sentence"}))

    # How it is said.

    def _answer(self, request, content=(), reasoning=(), tool=None, pause=0.0):
        finish = "tool_calls" if tool else "stop"
        if not request.get("stream"):
            return self._whole(request, content, reasoning, tool, finish)
        wants_usage = (request.get("stream_options") or {}).get("include_usage")
        with self._stream() as send:
            send(_chunk({"role": "assistant", "content": "", "refusal": None}))
            for piece in reasoning:
                send(_chunk({"reasoning_content": piece}))
            for index, piece in enumerate(content):
                if index:
                    time.sleep(pause)
                send(_chunk({"content": piece}))
            if tool:
                name, pieces = tool
                opening = {"id": "call_1", "type": "function", "function": {"name": name, "arguments": ""}}
                send(_chunk({"tool_calls": [{"index": 0, **opening}]}))
                for piece in pieces:
                    send(_chunk({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}))
            send(_chunk({}, finish))
            if wants_usage:
                send({**_envelope("chat.completion.chunk"), "choices": [], "usage": USAGE})
            send("[DONE]")

    def _whole(self, request, content, reasoning, tool, finish):
        message = {"role": "assistant", "content": "".join(content) or None, "refusal": None, "annotations": []}
        if reasoning:
            message["reasoning_content"] = "".join(reasoning)
        if tool:
            name, pieces = tool
            call = {"name": name, "arguments": "".join(pieces)}
            message["tool_calls"] = [{"id": "call_1", "type": "function", "function": call}]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
        self._json(200, {**_envelope("chat.completion"), "choices": [choice], "usage": USAGE})

    def _fail(self, status, message, kind="invalid_request_error", param=None, code=None, headers=()):
        error = {"message": message, "type": kind, "param": param, "code": code}
        self._json(status, {"error": error}, headers)

    def _json(self, status, body, headers=()):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _stream(self):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        return _Stream(self.wfile)


class _Stream:
    """Server-sent events in HTTP chunks."""

    def __init__(self, file):
        self._file = file

    def __enter__(self):
        return self._send

    def __exit__(self, failed, *_):
        if failed is None:
            self._file.write(b"0\r\n\r\n")

    def _send(self, event):
        text = event if isinstance(event, str) else json.dumps(event)
        data = f"data: {text}\n\n".encode()
        self._file.write(b"%x\r\n%s\r\n" % (len(data), data))
        self._file.flush()


def _envelope(kind):
    return {"id": "chatcmpl-scripted", "object": kind, "created": CREATED, "model": "scripted-1"}


def _chunk(delta, finish=None):
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return {**_envelope("chat.completion.chunk"), "choices": [choice]}


def _text(content):
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def _last_user_text(messages):
    return next(_text(message["content"]) for message in reversed(messages) if message["role"] == "user")


def _refusal(messages):
    """What a strict provider finds wrong with a conversation, else `None`."""
    open_calls = set()
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_calls:
                return "a tool result without its call"
            open_calls.remove(message["tool_call_id"])
            continue
        if open_calls:
            return "a tool call without its result"
        if message["role"] == "assistant":
            if "annotations" in message:
                return "annotations are not permitted"
            open_calls = {call["id"] for call in message.get("tool_calls") or ()}
    return None
