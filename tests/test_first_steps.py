"""The first minutes of a user, in an empty directory: what is said, what is written, and what is said of mistakes."""

import json

import pytest

from loopback import answer, serve

STATIONS = {
    "meta": {"count": 2},
    "stations": [
        {"id": 1, "at": "2026-11-23T03:04:05Z", "temp": 1.5, "city": "Köln"},
        {"id": 2, "at": "2026-11-23T04:04:05Z", "temp": 2, "city": "Bern"},
    ],
}
SECURE = """
name = "secure"
staging = "file:./staging"
lake = "file:./lake"
[source]
base_url = "{url}"
auth = {{ type = "bearer", token = "${{API_TOKEN}}" }}
[source.limits]
attempts = 2
[[streams]]
name = "secure"
path = "/secure"
cadence = "1m"
"""


@pytest.fixture
def api():
    def respond(path, _, headers):
        if path == "/secure" and headers.get("authorization") != "Bearer the-right-one":
            return answer({"error": "bad token"}, status=401)
        return answer(STATIONS)

    with serve(respond) as url:
        yield url


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def test_from_an_address_to_a_lake(tidegate, tmp_path, api):
    made = tidegate("init", f"{api}/stations")
    assert made.returncode == 0, made.stderr
    assert "tidegate preview" in made.stdout + made.stderr, "it says what is next"
    text = (tmp_path / "tidegate.toml").read_text()
    assert 'records = "$.stations[*]"' in text and 'event_time = "at"' in text
    checked = tidegate("check")
    assert checked.returncode == 0 and "table stations, by hour of at" in checked.stdout
    seen = tidegate("preview")
    assert "Köln" in seen.stdout and "year=2026/month=11/day=23/hour=03" in seen.stdout
    assert names(tmp_path) == ["tidegate.toml"], "so far nothing else was written"
    ran = tidegate("run", "--once")
    assert ran.returncode == 0 and "2 rows in 2 files" in ran.stdout
    assert "0 changed" in tidegate("run", "--once").stdout
    state = json.loads(tidegate("status", "--json").stdout)
    assert (state["tables"][0]["rows"], state["streams"][0]["lag"]) == (2, 0)
    assert names(tmp_path) == ["lake", "staging", "tidegate.toml"]


@pytest.mark.parametrize("command", ["check", "preview", "run", "load", "replay", "status"])
def test_a_file_that_is_not_there(tidegate, tmp_path, command):
    ran = tidegate(command, "tidegat.toml")
    assert ran.returncode == 2
    assert "there is no file tidegat.toml" in ran.stderr and "tidegate init" in ran.stderr
    assert names(tmp_path) == []


def test_mistyped_keys_are_all_shown_with_what_was_meant(tidegate, tmp_path, api):
    tidegate("init", f"{api}/stations")
    file = tmp_path / "tidegate.toml"
    file.write_text(file.read_text().replace("event_time =", "evnt_time =").replace("cadence =", "cadance ="))
    ran = tidegate("run", "--once")
    assert ran.returncode == 2
    for word in ("evnt_time", "did you mean `event_time`", "cadance", "did you mean `cadence`", "tidegate.toml:"):
        assert word in ran.stderr, ran.stderr
    assert names(tmp_path) == ["tidegate.toml"]


def test_a_mistyped_place_is_said_to_hold_nothing_and_is_not_made(tidegate, tmp_path, api):
    tidegate("init", f"{api}/stations")
    tidegate("run", "--once")
    mistyped = ("--set", "staging=file:./stging")
    seen = tidegate("status", *mistyped)
    assert seen.returncode == 0 and 'nothing is at staging = "file:./stging"' in seen.stdout
    for command in ("load", "replay"):
        ran = tidegate(command, *mistyped)
        assert ran.returncode == 2 and "file:./stging" in ran.stderr and "mistyped" in ran.stderr
    assert names(tmp_path) == ["lake", "staging", "tidegate.toml"]


def test_a_token_that_is_missing_wrong_and_right(tidegate, tmp_path, api):
    (tmp_path / "tidegate.toml").write_text(SECURE.format(url=api))
    checked = tidegate("check")
    assert checked.returncode == 0 and "API_TOKEN" in checked.stdout + checked.stderr
    missing = tidegate("run", "--once")
    assert missing.returncode == 2 and "export API_TOKEN" in missing.stderr
    wrong = tidegate("run", "--once", env={"API_TOKEN": "the-wrong-one"})
    assert wrong.returncode == 3 and "401" in wrong.stderr and "source.auth" in wrong.stderr
    assert "the-wrong-one" not in wrong.stdout + wrong.stderr
    assert "again at" not in wrong.stderr, "a round of --once has no further one"
    right = tidegate("run", "--once", env={"API_TOKEN": "the-right-one"})
    assert right.returncode == 0, right.stderr


def test_a_host_that_does_not_answer(tidegate, tmp_path):
    (tmp_path / "tidegate.toml").write_text(SECURE.format(url="http://127.0.0.1:1"))
    ran = tidegate("run", "--once", env={"API_TOKEN": "x-y-z"})
    assert ran.returncode == 5
    assert "127.0.0.1:1" in ran.stderr and "is the address right and the network up?" in ran.stderr
    assert "nothing: it is retried" not in ran.stderr
    assert tidegate("init", "127.0.0.1:1/x", "--out", "other.toml").returncode == 5
    assert not (tmp_path / "other.toml").exists()


def test_quiet_says_why_it_failed_and_nothing_else(tidegate, tmp_path, api):
    tidegate("init", f"{api}/stations")
    good = tidegate("run", "--once", "--quiet")
    assert (good.returncode, good.stdout, good.stderr) == (0, "", "")
    bad = tidegate("run", "--once", "--quiet", "--set", "source.base_url=http://127.0.0.1:1", "--set", "source.limits.attempts=1")
    assert bad.returncode == 5 and "refused" in bad.stderr
