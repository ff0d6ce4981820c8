#!/usr/bin/env python3
"""Makes seeds for the dialects' fuzz targets out of recorded provider traffic.

What stands in TOLLGATE_RECORDINGS (see testkit/src/recordings.rs) goes into fuzz/corpus, which no commit
has: streams, whole answers and errors as they came, and the chat requests of the recordings, one file
each. A seed begins with three bytes: what it is, the model it goes through, and the size of a piece.
"""

import gzip
import hashlib
import json
import os
import sys
from pathlib import Path

CORPUS = Path(__file__).resolve().parent / "corpus"
TARGETS = {
    "anthropic_messages": ("anthropic-messages",),
    "openai_chat": ("openai-chat",),
    "gemini": ("gemini", "vertex-gemini"),
    "openai_responses": ("openai-responses",),
}
REQUEST, ANSWER, STREAM = 0, 1, 2
# A larger input makes every run slower and finds nothing more.
LONGEST = 32_768
REQUESTS = 150


def recordings(folder, api):
    for path in sorted(folder.glob(f"{api}*.jsonl.gz")):
        # `gemini` is not `gemini-…` of another API.
        if path.name.removesuffix(".jsonl.gz").removeprefix(api)[:1] in ("", "-"):
            with gzip.open(path, "rt") as lines:
                yield from map(json.loads, lines)


def write(target, kind, number, body):
    if len(body) > LONGEST:
        return 0
    seed = bytes([kind, number % 3, 1 + number % 97]) + body
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha1(seed).hexdigest()).write_bytes(seed)
    return 1


def main():
    folder = os.environ.get("TOLLGATE_RECORDINGS")
    if not folder:
        print("!!! SKIPPED: TOLLGATE_RECORDINGS names no folder, so fuzzing starts without recorded traffic", file=sys.stderr)
        return
    folder = Path(folder)
    asked = [
        json.dumps(recording["request"]["body"], ensure_ascii=False).encode()
        for recording in recordings(folder, "openai-chat")
        if recording["request"] and "messages" in recording["request"]["body"]
    ]
    # Spread over all of them: neighbours are alike.
    asked = asked[:: max(1, len(asked) // REQUESTS)]
    for target, apis in TARGETS.items():
        written = 0
        for api in apis:
            for number, recording in enumerate(recordings(folder, api)):
                body = recording["response"]["body"]
                if isinstance(body, str):
                    streamed = recording["stream"] and recording["response"]["status"] < 400
                    written += write(target, STREAM if streamed else ANSWER, number, body.encode())
        for number, body in enumerate(asked):
            written += write(target, REQUEST, number, body)
        print(f"{target}: {written} seeds", file=sys.stderr)


if __name__ == "__main__":
    main()
