"""What the tests of the built binary share: where it is, and how it is run."""

import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def binary():
    """The `tidegate` that `cargo xtask test` built."""
    path = pathlib.Path(os.environ.get("TIDEGATE_BIN", ROOT / "target/debug/tidegate"))
    assert path.is_file(), f"{path} is not there; run `cargo xtask test` or set TIDEGATE_BIN"
    return path


@pytest.fixture
def tidegate(binary, tmp_path):
    """Runs `tidegate ARGS…` in the test's directory and returns what came of it."""

    def run(*args, timeout=120, cwd=tmp_path, env=None):
        return subprocess.run(
            [binary, *map(str, args)],
            cwd=cwd,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "NO_COLOR": "1", **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
        )

    return run
