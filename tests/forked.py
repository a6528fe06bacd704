"""Commands in processes of their own, forked off one that has loaded the product: Python takes over a second for that.

They are real processes, with their own arguments, environment, files and signals. What only the installed program can
show (its entry point, its first import) is tested with that program itself.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

CONTEXT: Any = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.prepared"])


class Forked:
    """A process, handled as subprocess.Popen is."""

    def __init__(self, what: Any, given: Any, env: dict[str, str], stdin: Path, stdout: Path, stderr: Path) -> None:
        files = (str(stdin), str(stdout), str(stderr))
        self._process = CONTEXT.Process(target=_begin, args=(what, given, env, files), daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        return int(self._process.pid)

    @property
    def returncode(self) -> int | None:
        code: int | None = self._process.exitcode
        return code

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if (code := self.returncode) is None:
            raise subprocess.TimeoutExpired("tandem", timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def begun(words: Sequence[str], env: dict[str, str], output: Path) -> Forked:
    """`tandem …`, which goes on; what it says goes into a file."""
    return Forked(_command, list(words), env, Path(os.devnull), output, output)


def begun_code(code: str, env: dict[str, str], output: Path) -> Forked:
    """`python -c …`, which goes on; what it says goes into a file."""
    return Forked(_code, code, env, Path(os.devnull), output, output)


def run(words: Sequence[str], env: dict[str, str], typed: str, patience_s: float) -> subprocess.CompletedProcess[str]:
    """`tandem …` to its end."""
    return _to_its_end(_command, list(words), env, typed, patience_s)


def run_code(code: str, env: dict[str, str], patience_s: float) -> subprocess.CompletedProcess[str]:
    """`python -c …` to its end."""
    return _to_its_end(_code, code, env, "", patience_s)


def _to_its_end(
    what: Any, given: Any, env: dict[str, str], typed: str, patience_s: float
) -> subprocess.CompletedProcess[str]:
    with tempfile.TemporaryDirectory(prefix="tandem-forked-") as folder:
        stdin, stdout, stderr = (Path(folder) / name for name in ("in", "out", "err"))
        stdin.write_text(typed)
        process = Forked(what, given, env, stdin, stdout, stderr)
        try:
            code = process.wait(patience_s)
        finally:
            process.kill()
        return subprocess.CompletedProcess([str(given)], code, stdout.read_text(), stderr.read_text())


def _begin(what: Any, given: Any, env: dict[str, str], files: tuple[str, str, str]) -> None:
    """In the child: a process like one that a shell has started."""
    multiprocessing.current_process()._config["daemon"] = False  # type: ignore[attr-defined]  # it may have children
    os.environ.clear()
    os.environ.update(env)
    written = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    for number, (path, flags) in enumerate(zip(files, (os.O_RDONLY, written, written), strict=True)):
        os.dup2(os.open(path, flags, 0o600), number)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w", buffering=1), open(2, "w", buffering=1)  # noqa: SIM115
    code: Any = 0
    try:
        what(given)
    except SystemExit as ended:
        code = ended.code
    except BaseException:  # noqa: BLE001 - as the interpreter does
        sys.excepthook(*sys.exc_info())
        code = 1
    if isinstance(code, str):
        print(code, file=sys.stderr)  # noqa: T201
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)


def _command(words: list[str]) -> None:
    from tandem.cli import main

    sys.argv = ["tandem", *words]
    main()


def _code(code: str) -> None:
    exec(code, {"__name__": "__main__"})
