"""The emulator and a stack in it, fresh for each test."""

import pytest
import stack


@pytest.fixture
def api():
    api = stack.Api()
    yield api
    api.shutdown()


@pytest.fixture
def emulator(tmp_path):
    emulator = stack.Emulator(tmp_path / "emulator.log")
    yield emulator
    emulator.stop()


@pytest.fixture
def deployed(emulator, api):
    return lambda **parameters: stack.Stack(emulator, api, **parameters)
