#!/usr/bin/env python3
"""Checks that the documents are true.

Links and paths lead somewhere, examples parse, configurations load, commands exist, defaults and error
codes are those of the code. A block's language says what it is:

  sh      commands for the reader. Every `tollgate` line has to parse, and every `make` target to exist.
          A block of harmless `tollgate` commands alone is run.
  toml    a whole file. It has to load, as a configuration or as a catalogue file. A first line such as
          `# my-models.toml` names it; the blocks after it in that document find it there.
  text    right after a block that was run: what that one prints.
  json    one value.
  python  compiles. js: node takes it as a module, where there is a node.

Anything else is not looked into. The blocks of one document share a temporary folder.
"""

import argparse
import ast
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Folders that hold no documents of ours.
OUTSIDE = {".git", "target", "data", "node_modules", ".venv"}
# What changes nothing beyond the folder that it runs in.
HARMLESS = {
    ("check",), ("keys", "create"), ("keys", "list"), ("keys", "revoke"), ("keys", "rotate"), ("channels", "list"),
    ("models", "list"), ("accounts", "create"), ("accounts", "credit"), ("accounts", "show"), ("usage",), ("backup",),
    ("ledger", "verify"), ("ledger", "export"), ("operators", "create"), ("operators", "list"),
}
# Tables of a catalogue file; a configuration has none of them.
CATALOGUE_TABLES = {"model", "provider", "quirk_set"}
TIME_LIMIT_S = 60

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE_SPAN = re.compile(r"`([^`]+)`")
REFERENCE = re.compile(r"(?<!\$)\$\{(file:)?([^}]+)\}")
ASSIGNMENT = re.compile(r"^(?:[A-Z_]+=\$\((?P<inner>.*)\)|export [A-Z_]+)$")
ERROR_ROW = re.compile(r'row\(\s*StatusCode::(\w+),\s*(\w+),\s*"(\w+)"')
CONTRACT_CODE = re.compile(r'Self::\w+ => "(\w+)"')
STATUSES = {
    "BAD_REQUEST": 400, "UNAUTHORIZED": 401, "PAYMENT_REQUIRED": 402, "FORBIDDEN": 403, "NOT_FOUND": 404,
    "METHOD_NOT_ALLOWED": 405, "REQUEST_TIMEOUT": 408, "CONFLICT": 409, "PRECONDITION_FAILED": 412,
    "PAYLOAD_TOO_LARGE": 413,
    "UNSUPPORTED_MEDIA_TYPE": 415, "TOO_MANY_REQUESTS": 429,
    "REQUEST_HEADER_FIELDS_TOO_LARGE": 431, "INTERNAL_SERVER_ERROR": 500, "BAD_GATEWAY": 502,
    "SERVICE_UNAVAILABLE": 503, "GATEWAY_TIMEOUT": 504,
}


@dataclass
class Block:
    language: str
    line: int
    text: str


@dataclass
class Document:
    path: Path
    prose: list[tuple[int, str]]
    blocks: list[Block]

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))


def read(path: Path) -> Document:
    """Splits a document into fenced blocks and the lines around them."""
    prose, blocks, open_block = [], [], None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        fence = line.startswith("```")
        if open_block is None and fence:
            open_block = Block(line[3:].strip(), number + 1, "")
        elif open_block is not None and fence:
            blocks.append(open_block)
            open_block = None
        elif open_block is not None:
            open_block.text += line + "\n"
        else:
            prose.append((number, line))
    return Document(path, prose, blocks)


def documents() -> list[Document]:
    paths = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = sorted(name for name in folders if name not in OUTSIDE)
        paths += [Path(folder) / name for name in sorted(files) if name.endswith(".md")]
    return [read(path) for path in paths]


class Checker:
    def __init__(self, tollgate: Path):
        self.tollgate = tollgate
        self.problems: list[str] = []
        self.counts: dict[str, int] = {}
        # By the block just before, if it was run.
        self.printed: str | None = None

    def problem(self, document: Document, line: int, text: str) -> None:
        self.problems.append(f"{document.name}:{line}: {text}")

    def count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    def check(self, document: Document) -> None:
        for line, text in document.prose:
            for target in LINK.findall(text):
                self.link(document, line, target)
            for span in CODE_SPAN.findall(text):
                self.path(document, line, span)
        self.printed = None
        with tempfile.TemporaryDirectory(prefix="check-docs-") as folder:
            for block in document.blocks:
                self.block(document, block, Path(folder))

    # Links and paths

    def link(self, document: Document, line: int, target: str) -> None:
        if re.match(r"[a-z]+:", target):
            return
        self.count("links")
        path, _, anchor = target.partition("#")
        file = (document.path.parent / path).resolve() if path else document.path
        if not file.exists():
            self.problem(document, line, f"the link leads nowhere: {target}")
        elif anchor and anchor not in anchors(file):
            self.problem(document, line, f"the link's heading is not there: {target}")

    def path(self, document: Document, line: int, span: str) -> None:
        """A code span that begins like a path of this repository has to be one."""
        tops = {entry.name for entry in ROOT.iterdir()} - OUTSIDE
        first = span.split("/")[0]
        in_tree = "/" in span and first in tops
        of_a_folder = "/" in span and re.fullmatch(r"[\w./<>*-]+\.(rs|toml|md|py|sh|sql)", span)
        if re.search(r"[\s$=]", span) or not (in_tree or of_a_folder):
            return
        self.count("paths")
        pattern = re.sub(r"<[^>]+>", "*", span).rstrip("/")
        bases = [ROOT, document.path.parent, ROOT / "crates/gateway/src"]
        # `name/tests.rs` and the like show a form, with `name` for any name.
        if first != "name" and not any(any(base.glob(pattern)) for base in bases):
            self.problem(document, line, f"no such path: {span}")

    # Blocks

    def block(self, document: Document, block: Block, folder: Path) -> None:
        kinds = {"sh": self.sh, "toml": self.toml, "json": self.json, "python": self.python, "js": self.js}
        kind = kinds.get(block.language)
        printed, self.printed = self.printed, None
        if kind:
            self.count(f"{block.language} blocks")
            kind(document, block, folder)
        elif block.language == "text" and printed is not None:
            self.count("outputs compared")
            if block.text.split() != printed.split():
                self.problem(document, block.line, f"the command prints something else:\n{printed}")

    def json(self, document: Document, block: Block, _: Path) -> None:
        try:
            json.loads(block.text)
        except ValueError as error:
            self.problem(document, block.line, f"not JSON: {error}")

    def python(self, document: Document, block: Block, _: Path) -> None:
        try:
            ast.parse(block.text)
        except SyntaxError as error:
            self.problem(document, block.line, f"not Python: {error}")

    def js(self, document: Document, block: Block, folder: Path) -> None:
        node = shutil.which("node")
        if node is None:
            self.count("js blocks not checked, for want of node")
            return
        file = folder / "example.mjs"
        file.write_text(block.text)
        done = subprocess.run([node, "--check", file], capture_output=True, text=True, timeout=TIME_LIMIT_S)
        if done.returncode:
            self.problem(document, block.line, f"not JavaScript:\n{done.stderr}")

    def toml(self, document: Document, block: Block, folder: Path) -> None:
        try:
            tables = tomllib.loads(block.text)
        except tomllib.TOMLDecodeError as error:
            self.problem(document, block.line, f"not TOML: {error}")
            return
        named = re.match(r"# (\S+\.toml)\n", block.text)
        file = folder / (named[1] if named else "unnamed.toml")
        text = block.text
        # Secrets that a reader has and this check does not.
        for of_file, name in REFERENCE.findall(text):
            if of_file:
                (folder / Path(name).name).write_text("placeholder\n")
                text = text.replace("${file:" + name + "}", "${file:" + Path(name).name + "}")
        file.write_text(text)
        config = file
        if CATALOGUE_TABLES & tables.keys():
            config = folder / "only-the-catalogue.toml"
            config.write_text(f"[catalog]\nfiles = [{json.dumps(file.name)}]\n")
        done = self.run(["check", "--config", config.name], folder)
        if done.returncode:
            self.problem(document, block.line, f"does not load:\n{done.stderr}")

    def sh(self, document: Document, block: Block, folder: Path) -> None:
        lines = shell_lines(block.text)
        harmless = True
        for offset, line in lines:
            command = ASSIGNMENT.match(line)
            if command:
                line = command["inner"] or ""
            words = shlex.split(line, comments=True)
            if words[:1] == ["tollgate"]:
                self.command(document, block.line + offset, words[1:], folder)
                harmless &= subcommand(words[1:]) in HARMLESS
            elif words:
                harmless = False
                self.other_command(document, block.line + offset, words)
        if harmless and lines:
            self.count("sh blocks run")
            done = self.shell(block.text, folder)
            self.printed = done.stdout
            if done.returncode:
                self.problem(document, block.line, f"fails with {done.returncode}:\n{done.stderr}")

    def command(self, document: Document, line: int, words: list[str], folder: Path) -> None:
        """Flags and values are read before `--help` is, so a wrong one fails and nothing is done."""
        self.count("tollgate commands")
        done = self.run([*words, "--help"], folder)
        if done.returncode:
            self.problem(document, line, f"tollgate {shlex.join(words)}\n{done.stderr}")

    def other_command(self, document: Document, line: int, words: list[str]) -> None:
        if words[0] == "make":
            self.count("make targets")
            makefile = (ROOT / "Makefile").read_text()
            for target in (word for word in words[1:] if "=" not in word):
                if not re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE):
                    self.problem(document, line, f"the Makefile has no target {target}")
        elif words[0] == "curl":
            self.count("curl commands")
            for flag, value in zip(words, words[1:]):
                if flag in ("-d", "--json"):
                    try:
                        json.loads(value)
                    except ValueError as error:
                        self.problem(document, line, f"the body is not JSON: {error}")
        elif words[0] in ("python3", "bash", "sh") and words[1:] and not words[1].startswith("-"):
            if not (ROOT / words[1]).exists():
                self.problem(document, line, f"no such script: {words[1]}")

    # Running

    def environment(self, folder: Path) -> dict[str, str]:
        """No settings of this machine, and a value for every variable that examples refer to."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TOLLGATE__")}
        for file in folder.glob("*.toml"):
            for of_file, name in REFERENCE.findall(file.read_text()):
                if not of_file:
                    environment[name] = "placeholder"
        return environment

    def run(self, words: list[str], folder: Path) -> subprocess.CompletedProcess:
        return subprocess.run(
            [self.tollgate, *words], cwd=folder, env=self.environment(folder), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=TIME_LIMIT_S,
        )

    def shell(self, text: str, folder: Path) -> subprocess.CompletedProcess:
        environment = self.environment(folder)
        tools = folder / "bin"
        tools.mkdir(exist_ok=True)
        link = tools / "tollgate"
        if not link.exists():
            link.symlink_to(self.tollgate)
        environment["PATH"] = f"{tools}:{environment.get('PATH', '')}"
        return subprocess.run(
            ["sh", "-eu", "-c", text], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=TIME_LIMIT_S,
        )

    # What the documents and the code both say

    def error_codes(self, table: Document, causes: Document) -> None:
        """Each row of the gateway's table stands in the guide, and no other does."""
        source = (ROOT / "crates/gateway/src/error.rs").read_text()
        constants = dict(re.findall(r'^const ([A-Z_]+): &str = "(\w+)";', source, re.MULTILINE))
        true = {(STATUSES[status], constants[kind], code) for status, kind, code in ERROR_ROW.findall(source)}
        if not true:
            self.problem(table, 1, "no rows were found in crates/gateway/src/error.rs")
        rows = re.findall(r"^\| (\d+) \| `(\w+)` \| `(\w+)` \|$", table.path.read_text(), re.MULTILINE)
        told = {(int(status), kind, code) for status, kind, code in rows}
        for row in sorted(true - told):
            self.problem(table, 1, f"the table of errors lacks {row}")
        for row in sorted(told - true):
            self.problem(table, 1, f"the table of errors has {row}, which the code does not")
        violations = (ROOT / "crates/catalog/src/contract/violation.rs").read_text()
        text = causes.path.read_text()
        for code in sorted({code for _, _, code in true} | set(CONTRACT_CODE.findall(violations))):
            self.count("error codes")
            if f"`{code}`" not in text:
                self.problem(causes, 1, f"the error code {code} is not explained")

    def admin_error_codes(self, table: Document) -> None:
        """Each code of the admin API stands in its guide with its status."""
        source = (ROOT / "crates/admin/src/error.rs").read_text()
        true = {(STATUSES[status], code) for status, _, code in ERROR_ROW.findall(source)}
        if not true:
            self.problem(table, 1, "no rows were found in crates/admin/src/error.rs")
        told = set()
        for statuses, codes in re.findall(r"^\| ([\d, ]+) \| ((?:`\w+`(?:, )?)+) \|", table.path.read_text(), re.MULTILINE):
            for status in statuses.split(", "):
                told |= {(int(status), code) for code in re.findall(r"`(\w+)`", codes)}
        for status, code in sorted(true - told):
            self.problem(table, 1, f"the table of errors lacks {status} {code}")
        for code in sorted({code for _, code in told} - {code for _, code in true}):
            self.problem(table, 1, f"the table of errors has {code}, which the code does not")

    def models(self, readme: Document) -> None:
        """The README counts the models and their makers."""
        with tempfile.TemporaryDirectory(prefix="check-docs-") as folder:
            done = self.run(["models", "list", "--json"], Path(folder))
        models = json.loads(done.stdout)["models"]
        count = f"{len(models)} models of {len({model['owner'] for model in models})} makers"
        if count not in " ".join(line for _, line in readme.prose):
            self.problem(readme, 1, f"it should say: {count}")

    def settings(self, reference: Document, example: Path) -> None:
        """Each setting of the example file stands in the reference, with the same default."""
        told = {}
        table = ""
        for _, line in reference.prose:
            heading = re.match(r"### `(\[.*\])`", line)
            table = heading[1] if heading else "" if line.startswith("## ") else table
            row = re.match(r"\| `(\w+)` \| (.*?) \| ", line)
            if row:
                told[table, row[1]] = row[2].strip("`")
        table = ""
        for line in example.read_text().splitlines():
            heading = re.match(r"#?(\[.*\])$", line)
            table = heading[1] if heading else table
            # A sentence in a comment has no `=` after its first word.
            field = re.match(r"(#?)(\w+) = (.*)", line)
            if not field:
                continue
            self.count("settings")
            commented, name, value = field.groups()
            default = told.get((table, name))
            if default is None:
                self.problem(reference, 1, f"{table} {name} is not in the reference")
            elif not commented and default != value:
                self.problem(reference, 1, f"{table} {name} is {value} in {example.name}, and {default} here")


def subcommand(words: list[str]) -> tuple[str, ...]:
    """The leading words without flags: `keys create` of `keys create --name a`."""
    leading = []
    for word in words:
        if word.startswith("-"):
            break
        leading.append(word)
    return tuple(leading)


def shell_lines(text: str) -> list[tuple[int, str]]:
    """Commands with the number of their first line, continued lines joined, comments left out."""
    commands, begun, start = [], "", 0
    for number, line in enumerate(text.splitlines()):
        start = start if begun else number
        begun += line.strip().removesuffix("\\")
        if line.endswith("\\"):
            continue
        if begun and not begun.startswith("#"):
            commands.append((start, begun))
        begun = ""
    return commands


def anchors(file: Path) -> set[str]:
    """The headings as links name them."""
    headings = [line.lstrip("#").strip() for _, line in read(file).prose if line.startswith("#")]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--tollgate", type=Path, required=True, help="the built binary")
    tollgate = arguments.parse_args().tollgate.resolve()
    if not tollgate.is_file():
        print(f"{tollgate} is not there; build it with: cargo build -p tollgate", file=sys.stderr)
        return 2
    checker = Checker(tollgate)
    all_documents = documents()
    for document in all_documents:
        checker.check(document)
    by_name = {document.name: document for document in all_documents}
    checker.error_codes(by_name["docs/guide/getting-started.md"], by_name["docs/guide/troubleshooting.md"])
    checker.admin_error_codes(by_name["docs/guide/admin-api.md"])
    checker.models(by_name["README.md"])
    checker.settings(by_name["docs/guide/operating.md"], ROOT / "tollgate.example.toml")
    for problem in checker.problems:
        print(problem, file=sys.stderr)
    done = ", ".join(f"{count} {what}" for what, count in sorted(checker.counts.items()))
    print(f"{len(all_documents)} documents: {done}")
    print(f"{len(checker.problems)} problems" if checker.problems else "The documents are in order.")
    return 1 if checker.problems else 0


if __name__ == "__main__":
    sys.exit(main())
