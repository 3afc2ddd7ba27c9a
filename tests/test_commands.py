"""Every command that the README and the guides show works.

The ```sh blocks of a page are run in order, as one reader would, in an empty directory with the built `tidegate` first
in the path. Blocks marked ```console or ```text are not run.
"""

import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGES = [page for page in [ROOT / "README.md", *sorted((ROOT / "docs/guides").glob("*.md"))] if page.is_file()]
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(text):
    """The runnable blocks of a page, each with the line it starts on."""
    return [(text.count("\n", 0, match.start()) + 1, match[1]) for match in BLOCK.finditer(text)]


def test_only_sh_blocks_are_taken():
    page = "a\n```sh\ntrue\n```\n```console\n$ no\n```\n```text\nno\n```\n```sh\nls\npwd\n```\n"
    assert blocks(page) == [(2, "true\n"), (11, "ls\npwd\n")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_page_work(page, binary, tmp_path):
    path = os.pathsep.join([str(binary.parent), os.path.dirname(sys.executable), os.environ["PATH"]])
    for line, block in blocks(page.read_text(encoding="utf-8")):
        ran = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            cwd=tmp_path,
            env={"PATH": path, "HOME": str(tmp_path), "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert ran.returncode == 0, f"{page.name}:{line}: exit {ran.returncode}\n{block}\n{ran.stdout}\n{ran.stderr}"
