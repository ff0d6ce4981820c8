"""Fetches a file from pip's index, going on where an earlier try broke off.

Arguments: the project, the file's name, and where to put it. Ends with an error where the index is one that
only pip itself can talk to. Nobody else may write to the file meanwhile.
"""

import fcntl
import html.parser
import http.client
import json
import os
import ssl
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request

TRIES = 5
PIECE = 256 * 1024
TIMEOUT = 60
PAGE = "application/vnd.pypi.simple.v1+json, text/html;q=0.5"


def setting(name):
    """A setting of pip: from the environment, else from its files."""
    value = os.environ.get("PIP_" + name.upper().replace("-", "_"))
    if value:
        return value
    command = [sys.executable, "-m", "pip", "config", "get", "global." + name]
    nothing = subprocess.DEVNULL
    asked = subprocess.run(command, stdin=nothing, capture_output=True, text=True, check=False)
    return asked.stdout.strip() if asked.returncode == 0 else ""


class Links(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if tag == "a" and name == "href" and value]


def address_of(name, project, opener):
    """Where the index says that the file is."""
    index = (setting("index-url") or "https://pypi.org/simple").rstrip("/")
    if "@" in urllib.parse.urlsplit(index).netloc:
        sys.exit("the index wants credentials")
    asked = urllib.request.Request(f"{index}/{project}/", headers={"Accept": PAGE})
    with opener.open(asked, timeout=TIMEOUT) as page:
        text = page.read().decode()
        if "json" in page.headers.get("Content-Type", ""):
            links = [file["url"] for file in json.loads(text)["files"]]
        else:
            parser = Links()
            parser.feed(text)
            links = parser.found
        for link in links:
            link = urllib.parse.urldefrag(urllib.parse.urljoin(page.url, link)).url
            if urllib.parse.unquote(link.rsplit("/", 1)[-1]) == name:
                return link
    sys.exit(f"the index does not have {name}")


def go_on(address, path, opener):
    """Fetches what is missing."""
    with open(path, "ab") as file:
        # One that was started by a pull that has ended may not have noticed yet.
        fcntl.flock(file, fcntl.LOCK_EX)
        fetch_into(file, address, opener)


def fetch_into(file, address, opener):
    have = os.fstat(file.fileno()).st_size
    headers = {"Range": f"bytes={have}-"} if have else {}
    try:
        answer = opener.open(urllib.request.Request(address, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as problem:
        # There is nothing after what is there.
        if problem.code == 416:
            return
        raise
    with answer:
        if answer.status != 206:
            file.truncate(0)
        expected = answer.length
        while piece := answer.read(PIECE):
            file.write(piece)
            expected = expected and expected - len(piece)
    if expected:
        raise ConnectionError("the connection broke off")


def main():
    project, name, path = sys.argv[1:]
    context = ssl.create_default_context(cafile=setting("cert") or None)
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
    address = address_of(name, project, opener)
    for left in reversed(range(TRIES)):
        try:
            return go_on(address, path, opener)
        except (OSError, http.client.HTTPException) as problem:
            if not left:
                sys.exit(f"{name}: {problem}")


main()
