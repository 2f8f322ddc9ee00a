"""Node.js programs of the tests, with the client libraries that `package.json` names.

Libraries are installed once into `.node` beside the repository's other caches. Without npm the tests
skip, but in CI they fail.
"""

import fcntl
import os
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

import orjson
import pytest

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".node"


def libraries() -> Path:
    """The directory that holds `node_modules`."""
    if shutil.which("npm") is None:
        message = "needs Node.js and npm for the client libraries"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    wanted = (HERE / "package.json").read_bytes()
    home = CACHE / sha256(wanted).hexdigest()[:16]
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the workers of one test run share the directory
        if not (home / "ready").exists():
            (home / "package.json").write_bytes(wanted)
            subprocess.run(
                [
                    "npm",
                    "install",
                    "--no-package-lock",
                    "--no-audit",
                    "--no-fund",
                    "--loglevel=error",
                ],
                cwd=home,
                check=True,
                timeout=300,
            )
            (home / "ready").touch()
    return home


def run_node(program: str, *, seconds: float = 120, **variables: str) -> dict[str, object]:
    """What a program beside this file prints as its last line, in JSON; fails with its errors."""
    home = libraries()
    for source in HERE.glob("*.js"):  # a module looks for its libraries beside itself
        (home / source.name).write_bytes(source.read_bytes())
    copied = home / program
    done = subprocess.run(
        ["node", copied],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    found: dict[str, object] = orjson.loads(done.stdout.splitlines()[-1])
    return found
