#!/usr/bin/env python3
"""Runs the official SDKs' tests against a real gate, on loopback, in bounded time.

Gates are started: one with channels to a scripted provider (provider.py); two with channels to the
strict provider, which speaks every protocol and refuses what the real ones refuse (the program
`strict-provider` of testkit, found beside the gate); and, where the embedded model has been pulled,
one without channels, whose sandbox answers. What the suites need to know stands in environment
variables, `suite_environment` below. Their packages are installed by `make test`, which also builds the
programs; this needs nothing but Python.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

from provider import ScriptedProvider

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MODELS = ["gpt-4o", "gpt-4o-mini"]
START_SECONDS = 30
SUITE_SECONDS = 240

SERVER = """
[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
data_dir = "data"
"""

# Comments come often, so that a test need not wait long to live by them.
CHANNELS = """
[limits]
keep_alive_ms = 200

[[channels]]
name = "scripted"
provider = "openai"
base_url = "{base_url}"
api_key = "provider-credential"
models = {models}
first_byte_timeout_ms = 20000

[[channels]]
name = "scripted-deepseek"
provider = "deepseek"
base_url = "{base_url}"
api_key = "provider-credential"
models = ["deepseek-v4-flash"]
"""

# For each way of thinking a model, and the preset of its provider. The path after the host tells the
# strict provider as whom it has to refuse.
THINKERS = [
    ("anthropic", "", ["claude-sonnet-4-6", "claude-sonnet-4-5-20250929"]),
    ("gemini", "", ["gemini-3-flash-preview", "gemini-3.1-flash-image-preview"]),
    ("openai", "/v1", ["gpt-5-3-codex"]),
    ("deepseek", "/deepseek", ["deepseek-v4-flash"]),
    ("moonshot", "/moonshot", ["kimi-k2.5"]),
    ("minimax", "/minimax", ["minimax-m2.5"]),
]

THINKER = """
[[channels]]
name = "{preset}"
provider = "{preset}"
base_url = "{base_url}"
api_key = "provider-credential"
models = {models}
"""

SUITES = {
    "python": [str(HERE / "python/.venv/bin/python"), "-m", "pytest", "-q", "-p", "no:cacheprovider"],
    "node": ["node", "--test", "--test-reporter=spec"],
}


class StrictProvider:
    """The program of testkit. Ends with the `with` block that it is made in."""

    def __init__(self, binary, environment):
        if not binary.exists():
            raise SystemExit(f"{binary} is not there; build it: cargo build -p tollgate-testkit --bin strict-provider")
        self._binary = binary
        self._environment = environment

    def __enter__(self):
        self._process = subprocess.Popen([self._binary], env=self._environment, stdout=subprocess.PIPE, text=True)
        self.url = self._process.stdout.readline().removeprefix("listening on ").strip()
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()

    def channels(self):
        return "".join(
            THINKER.format(preset=preset, base_url=self.url + path, models=models) for preset, path, models in THINKERS
        )


class Gate:
    """A gate in its own folder. Ends with the `with` block that it is made in."""

    def __init__(self, binary, folder, config, environment):
        self._binary = binary
        self._folder = folder
        self._environment = environment
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "tollgate.toml").write_text(config)
        self.log = folder / "log"

    def __enter__(self):
        with open(self.log, "wb") as log:
            self._process = subprocess.Popen(
                [self._binary, "serve"],
                cwd=self._folder,
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        watchdog = threading.Timer(START_SECONDS, self._process.kill)
        watchdog.start()
        for line in self._process.stdout:
            if line.startswith("listening on "):
                watchdog.cancel()
                self.url = line.removeprefix("listening on ").strip() + "/v1"
                return self
        watchdog.cancel()
        self._process.wait()
        raise SystemExit(f"the gate does not start:\n{self.log.read_text()}")

    def __exit__(self, *_):
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            # Streams that a test left to stall are let go.
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def command(self, *args):
        done = subprocess.run(
            [self._binary, *args],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
        )
        if done.returncode:
            raise SystemExit(f"tollgate {' '.join(args)}: {done.stderr}")
        return done.stdout.strip()

    def key(self, name, *args):
        return self.command("keys", "create", "--name", name, *args)


def clean_environment():
    """What the machine has set must not decide a test."""
    dropped = ("TOLLGATE_", "OPENAI_")
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(dropped) and not name.lower().endswith("_proxy")
    }


def suite_environment(channels, thinkers, forgetful, sandbox):
    """What the suites read. The sandbox's variables are missing where there is no model."""
    revoked = channels.key("revoked")
    channels.command("keys", "revoke", "--name", "revoked")
    environment = clean_environment() | {
        "SDK_TEST_URL": channels.url,
        "SDK_TEST_KEY": channels.key("tests"),
        "SDK_TEST_REVOKED_KEY": revoked,
        "SDK_TEST_THINKERS_URL": thinkers.url,
        "SDK_TEST_THINKERS_KEY": thinkers.key("tests"),
        "SDK_TEST_FORGETFUL_URL": forgetful.url,
        "SDK_TEST_FORGETFUL_KEY": forgetful.key("tests"),
        # One each: the suites may run at the same time.
        "SDK_TEST_SINGLE_KEY_PYTHON": channels.key("single-python", "--concurrency", "1"),
        "SDK_TEST_SINGLE_KEY_NODE": channels.key("single-node", "--concurrency", "1"),
    }
    if sandbox:
        environment["SDK_TEST_SANDBOX_URL"] = sandbox.url
        environment["SDK_TEST_SANDBOX_KEY"] = sandbox.key("tests")
    return environment


def models_folder():
    """Where the embedded model is, as far as it has been pulled."""
    model = os.environ.get("TOLLGATE_MODEL")
    if model and not (model.endswith(".gguf") and Path(model).is_file()):
        sys.exit(f"TOLLGATE_MODEL has to name the embedded model's file, and {model} is none")
    folder = Path(model).resolve().parent if model else ROOT / "data/models"
    return folder if any(folder.glob("*.gguf")) else None


def run_suite(name, environment):
    print(f"--- openai-{name}", file=sys.stderr, flush=True)
    started = time.monotonic()
    try:
        done = subprocess.run(SUITES[name], cwd=HERE / name, env=environment, timeout=SUITE_SECONDS)
        passed = done.returncode == 0
    except subprocess.TimeoutExpired:
        print(f"openai-{name} did not end within {SUITE_SECONDS} s", file=sys.stderr)
        passed = False
    print(f"--- openai-{name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return passed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gate", required=True, type=Path, help="the gate's binary")
    parser.add_argument("suites", nargs="*", choices=[*SUITES, []], help="which of them; without: all")
    flags = parser.parse_args()
    binary = flags.gate.resolve()
    with ExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="tollgate-sdk-")))
        provider = ending.enter_context(ScriptedProvider())
        provider.start()
        ending.callback(provider.shutdown)
        config = SERVER + CHANNELS.format(base_url=provider.base_url, models=MODELS)
        environment = clean_environment()
        channels = ending.enter_context(Gate(binary, folder / "channels", config, environment))
        strict = ending.enter_context(StrictProvider(binary.with_name("strict-provider"), environment))
        config = SERVER + strict.channels()
        thinkers = ending.enter_context(Gate(binary, folder / "thinkers", config, environment))
        forgetful = ending.enter_context(Gate(binary, folder / "forgetful", config, environment))
        sandbox = None
        if models := models_folder():
            (folder / "sandbox/data").mkdir(parents=True)
            (folder / "sandbox/data/models").symlink_to(models)
            sandbox = ending.enter_context(Gate(binary, folder / "sandbox", SERVER, environment))
        else:
            print("\n!!! SKIPPED: SDKs in the sandbox: no embedded model; run `tollgate models pull`\n", file=sys.stderr)
        environment = suite_environment(channels, thinkers, forgetful, sandbox)
        passed = [run_suite(name, environment) for name in flags.suites or SUITES]
        if not all(passed):
            for gate in (channels, thinkers, forgetful):
                print(f"a gate's log:\n{gate.log.read_text()[-8000:]}", file=sys.stderr)
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
