"""A tutorial as a program: its code blocks, and a shell that runs them one after the other.

The shell is a real one. `airflow` and `okta-mi` are programs that hand their arguments to this process, which has
Airflow in memory already, and calls the same functions that the real ones call. What a tutorial cannot do here as its
reader does it is done otherwise, and only that:

* what serves until it is stopped (`okta-mi simulate`) is started beside it, on free ports;
* Airflow's tables are there already, and its servers are not started: a run that is triggered is run in this
  process, and what the reader presses on a page is answered by `Person`.

Comments before a block say what a reader sees by himself:

    <!-- not run: REASON -->     it is passed over
    <!-- exit code: 1 -->        it ends so
    <!-- file: NAME -->          it is the content of a file; the text before must name it
    <!-- terminal: NAME -->      it is started, and stays
    <!-- in the UI: Approve -->  no block; a person has to be asked by the run before, and answers so

A block of `text` behind one of `bash` is what the latter prints to stdout. A line `...` in it is any number of lines.
"""

from __future__ import annotations

import getpass
import io
import json
import os
import re
import socketserver
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_FENCE = re.compile(
    r"(?P<notes>(?:^<!--(?:(?!-->).)*-->\n+)*)^```(?P<language>\w+)\n(?P<text>.*?)^```$"
    r"|^<!-- in the UI: (?P<answer>.*?) -->$",
    re.MULTILINE | re.DOTALL,
)
_NOTE = re.compile(r"<!-- (?P<what>not run|exit code|file|terminal): (?P<value>.*?) -->", re.DOTALL)
#: What differs each time, and what stands for it in comparisons.
_VARYING = (
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?"), "<moment>"),
    (re.compile(r"\b(?=[0-9]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{12}\b"), "<digest>"),
    # Whoever types commands, and whoever triggers runs.
    (re.compile(rf"\b({re.escape(getpass.getuser())}|dag_test)\b"), "you"),
)
#: Sends its arguments to whoever listens, and prints what comes back.
_PROGRAM = """\
#!{python} -SE
import json, os, socket, sys
with socket.create_connection(("127.0.0.1", int(os.environ["TUTORIAL_PORT"]))) as connection:
    call = [os.path.basename(sys.argv[0]), os.getcwd(), sys.argv[1:]]
    connection.sendall(json.dumps(call).encode() + b"\\n")
    out, err, code = json.loads(connection.makefile(encoding="utf-8").readline())
sys.stdout.write(out)
sys.stderr.write(err)
sys.exit(code)
"""


@dataclass(frozen=True)
class Block:
    """A step of the tutorial.

    Attributes:
        line: Where it begins.
        before: The text in front of it, back to the block before.
        answer: What a person presses; the rest is empty then.
    """

    line: int
    language: str
    text: str
    notes: dict[str, str]
    before: str
    answer: str | None = None


def blocks(page: str) -> Iterator[Block]:
    """The steps of a page in their order."""
    end = 0
    for found in _FENCE.finditer(page):
        notes = {note["what"]: note["value"] for note in _NOTE.finditer(found["notes"] or "")}
        line = page.count("\n", 0, found.start()) + 1
        before = page[end : found.start()]
        yield Block(line, found["language"] or "", found["text"] or "", notes, before, found["answer"])
        end = found.end()


def assert_printed(shown: str, printed: str) -> None:
    """Fails unless what a page shows is what was printed, but for moments, digests, and lines that are left out."""
    wanted, got = (_comparable(text) for text in (shown, printed))
    pattern = r"\n".join(r"(?:.*\n)*?.*" if line.strip() == "..." else re.escape(line) for line in wanted.splitlines())
    assert re.fullmatch(pattern, got.rstrip("\n")), f"shown:\n{wanted}\nprinted:\n{got}"


def _comparable(text: str) -> str:
    for pattern, name in _VARYING:
        text = pattern.sub(name, text)
    # Columns are as wide as what stands in them, which varies.
    return "\n".join(re.sub(r"(?<=\S) {2,}", "  ", line.rstrip()) for line in text.splitlines())


class Programs:
    """Answers the programs that stand for `airflow` and `okta-mi`, in the thread that calls `serve_until`."""

    def __init__(self, folder: Path, run: Callable[[str, Sequence[str]], int]) -> None:
        self._run = run
        folder.mkdir()
        for name in ("airflow", "okta-mi"):
            program = folder / name
            program.write_text(_PROGRAM.format(python=sys.executable), encoding="utf-8")
            program.chmod(0o755)
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                answer = outer._answer(*json.loads(self.rfile.readline()))
                self.wfile.write(json.dumps(answer).encode() + b"\n")

        self._server = socketserver.TCPServer(("127.0.0.1", 0), Handler)
        self._server.timeout = 0.02
        self.environment = {
            "PATH": os.pathsep.join([str(folder), os.environ["PATH"]]),
            "TUTORIAL_PORT": str(self._server.server_address[1]),
        }

    def serve_until(self, done: Callable[[], bool]) -> None:
        while not done():
            self._server.handle_request()

    def close(self) -> None:
        self._server.server_close()

    def _answer(self, program: str, folder: str, words: list[str]) -> tuple[str, str, int]:
        out, err = io.StringIO(), io.StringIO()
        home = Path.cwd()
        os.chdir(folder)
        try:
            with redirect_stdout(out), redirect_stderr(err):
                code = self._run(program, words)
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        except Exception:  # noqa: BLE001 - told to whoever has started the program, as Python does
            code = 1
            err.write(traceback.format_exc())
        finally:
            os.chdir(home)
        return out.getvalue(), err.getvalue(), code


@dataclass
class Shell:
    """Runs blocks of bash in a directory; variables and the directory last from one to the next.

    Attributes:
        folder: Where it begins.
        addresses: What the tutorial calls servers, and where they are.
    """

    folder: Path
    programs: Programs
    addresses: dict[str, str] = field(default_factory=dict)
    _servers: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def current(self) -> Path:
        """The directory that the next block begins in."""
        place = self._state / "pwd"
        return Path(place.read_text(encoding="utf-8").strip()) if place.exists() else self.folder

    def run(self, text: str, code: int = 0) -> str:
        """Runs a block to its end and returns what it has printed to stdout, with the addresses of the tutorial."""
        self._state.mkdir(exist_ok=True)
        variables, place = self._state / "variables", self._state / "pwd"
        variables.touch()
        script = (
            f"source {variables}\ncd {self.current}\nset -e\n"
            f"trap 'code=$?; export -p > {variables}; pwd > {place}; exit $code' EXIT\n{self._here(text)}"
        )
        process = subprocess.Popen(
            ["bash", "-c", script],
            env={**os.environ, **self.programs.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        answers: list[Any] = []
        reader = threading.Thread(target=lambda: answers.extend(process.communicate()))
        reader.start()
        self.programs.serve_until(lambda: not reader.is_alive())
        out, err = answers
        assert process.returncode == code, f"{text}\nended with {process.returncode}:\n{out}{err}"
        return self._there(out)

    def start_simulators(self, command: str, names: Sequence[str]) -> str:
        """Starts `okta-mi simulate` on free ports, and returns what it prints.

        Args:
            command: As the tutorial has it.
            names: What the tutorial calls the addresses, in the order in which the program tells them.
        """
        words = command.split()
        assert words[:2] == ["okta-mi", "simulate"], command
        server = subprocess.Popen(
            [sys.executable, "-m", "okta_mi_provider.cli.main", *words[1:], "--okta-port", "0", "--mi-port", "0"],
            stdout=subprocess.PIPE,
            text=True,
        )
        self._servers.append(server)
        assert server.stdout is not None
        printed = ""
        for line in server.stdout:
            printed += line
            if "Ctrl-C stops" in line:
                break
        found = re.findall(r"^[\w ]+: http://(127\.0\.0\.1:\d+)$", printed, re.MULTILINE)
        self.addresses.update(zip(names, found, strict=True))
        return self._there(printed)

    def close(self) -> None:
        """Ends what was started."""
        for server in self._servers:
            server.terminate()
            server.communicate(timeout=30)
        self.programs.close()

    @property
    def _state(self) -> Path:
        return self.folder.with_name("state-of-the-shell")

    def _here(self, text: str) -> str:
        for name, address in self.addresses.items():
            text = text.replace(name, address)
        return text

    def _there(self, text: str) -> str:
        for name, address in self.addresses.items():
            text = text.replace(address, name)
        return text
