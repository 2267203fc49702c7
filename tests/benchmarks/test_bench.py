"""The benchmarks run, and tell rows of one shape: no speed is asserted here."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from foadv_gui.bench import measure, topics
from foadv_gui.cli import app

sys.path.insert(0, str(Path(__file__).parent))

KEYS = ["name", "value", "unit", "baseline", "ratio", "target", "ok"]


def test_every_topic_of_the_design_is_there() -> None:
    assert {"launch", "window", "slider", "path", "slice"} <= set(topics())


@pytest.mark.parametrize("topic", ["path", "slice"])
def test_rows_have_a_name_a_value_and_a_verdict_where_there_is_a_target(topic: str) -> None:
    from importlib import import_module

    from sizes import TINY  # type: ignore[import-not-found]

    rows = [row.as_dict() for row in import_module(f"bench_{topic}").rows(TINY)]
    assert rows
    for row in rows:
        assert list(row) == KEYS
        assert row["value"] > 0
        assert (row["target"] is None) == (row["ok"] is None)


def test_rows_come_from_a_process_of_their_own_as_they_are_told(tmp_path: Path) -> None:
    script = tmp_path / "bench_one.py"
    script.write_text("print('row: ' + '{\"name\": \"one\"}', flush=True)\nprint('chatter')\n")
    assert list(measure(script)) == [{"name": "one"}]
    script.write_text("raise SystemExit('no such thing')\n")
    with pytest.raises(RuntimeError, match="no such thing"):
        list(measure(script))


def test_the_command_prints_strict_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "bench_one.py"
    row = {**dict.fromkeys(KEYS), "name": "one", "value": 1.5, "unit": "ms", "ok": True}
    script.write_text(f"print('row: ' + {json.dumps(json.dumps(row))}, flush=True)\n")
    monkeypatch.setattr("foadv_gui.bench.topics", lambda: {"one": script})
    done = CliRunner().invoke(app, ["bench", "--json"])
    assert json.loads(done.stdout) == {"rows": [row]}
    assert done.exit_code == 0
    assert CliRunner().invoke(app, ["bench", "--only", "nothing"]).exit_code == 2
