"""A sweep's table is drawn by `foadv render`; a sweep that has not been computed is refused with what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from command_line import call, refused

from foadv_gui.lab.config import Experiment
from foadv_gui.lab.sweep.grid import Sweep
from foadv_gui.lab.sweep.ready import sweep_names
from foadv_gui.lab.sweep.row import measure
from foadv_gui.lab.sweep.table import SweepTable, write_table

if TYPE_CHECKING:
    from pathlib import Path

SMALL = {"network": {"width": 8, "dimension": 3}, "ascent": {"restarts": 2, "steps": 5}, "title": "Small"}


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_render_draws_the_table_of_a_sweep(kind: str, tmp_path: Path) -> None:
    sweep = Sweep.of(Experiment.model_validate(SMALL), ["input.scale=0.1,1"])
    table, picture = tmp_path / f"a.{kind}", tmp_path / "a.svg"
    write_table(SweepTable.of(sweep, map(measure, sweep.points())), table)
    done = call("render", str(table), "-o", str(picture), "--size", "720x720", "--theme", "dark")
    assert done.exit_code == 0, done.output
    assert done.stdout == f"saved as {picture}\n"
    assert "Small" in picture.read_text(encoding="utf-8")
    picture.unlink()
    line = refused("render", str(table), "-o", str(picture), "--set", "input.scale=2")
    assert "--set input.scale=2" in line and "drawn as it was computed" in line
    assert not picture.exists()


@pytest.mark.parametrize("name", sweep_names())
def test_a_sweep_that_has_not_been_computed_is_refused_with_the_command_that_does(name: str, tmp_path: Path) -> None:
    line = refused("render", name, "-o", str(tmp_path / "a.png"))
    assert f"foadv sweep {name} -o {name}.parquet" in line and f"foadv render {name}.parquet" in line


def test_the_file_of_a_sweep_is_no_table(tmp_path: Path) -> None:
    sweep = Sweep.of(Experiment.model_validate(SMALL), ["input.scale=0.1,1"])
    (tmp_path / "mine.toml").write_text(sweep.to_toml(), encoding="utf-8")
    line = refused("render", str(tmp_path / "mine.toml"), "-o", str(tmp_path / "a.png"))
    assert "foadv sweep" in line and "mine.parquet" in line


def test_what_is_no_table_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("gamma,loss\n1,2\n", encoding="utf-8")
    for name in ("a.csv", "none.parquet"):
        assert name in refused("render", str(tmp_path / name), "-o", str(tmp_path / "a.png"))
    assert not (tmp_path / "a.png").exists()
