"""The emulator and a stack in it, fresh for each test."""

import pytest
import stack


@pytest.fixture
def api():
    with stack.Api() as api:
        yield api


@pytest.fixture
def emulator(tmp_path):
    emulator = stack.Emulator(tmp_path / "emulator.log")
    yield emulator
    emulator.stop()


@pytest.fixture
def deployed(emulator, api):
    return lambda **parameters: stack.Stack(emulator, api, **parameters)
