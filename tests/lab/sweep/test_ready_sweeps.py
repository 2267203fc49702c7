"""A ready sweep is found by its name, says what it is and what to watch, and is small enough to be waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from foadv_gui.lab.config import ExperimentError
from foadv_gui.lab.presets import preset_names
from foadv_gui.lab.sweep.grid import Sweep
from foadv_gui.lab.sweep.ready import load_sweep, sweep_names

if TYPE_CHECKING:
    from pathlib import Path


def test_the_papers_claim_is_the_first_and_asks_what_the_paper_says() -> None:
    assert sweep_names()[0] == "paper-claim"
    sweep = load_sweep("paper-claim")
    scale, seed = sweep.axes
    assert (scale.key, seed.key, len(scale.values), len(seed.values)) == ("input.scale", "network.seed", 13, 10)
    assert (scale.values[0], scale.values[-1]) == (0.01, 30.0)
    base = sweep.base
    assert (base.network.width, base.network.dimension, base.ascent.restarts) == (512, 64, 32)


@pytest.mark.parametrize("name", sweep_names())
def test_every_ready_sweep_says_what_it_is_and_what_to_watch(name: str, tmp_path: Path) -> None:
    sweep = load_sweep(name)
    assert sweep.base.title and sweep.base.watch.endswith((".", "?"))
    assert 30 <= sweep.size <= 200
    (tmp_path / "mine.toml").write_text(sweep.to_toml(), encoding="utf-8")
    assert Sweep.from_toml(tmp_path / "mine.toml").identity == sweep.identity


def test_there_are_several_and_no_name_is_a_presets() -> None:
    assert len(sweep_names()) >= 3
    assert not set(sweep_names()) & set(preset_names())


def test_a_number_orders_them_and_an_unknown_name_is_refused_with_the_nearest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "20-a.toml").write_text('[sweep]\n"input.scale" = "1,2"\n', encoding="utf-8")
    (tmp_path / "10-b.toml").write_text('[sweep]\n"input.scale" = "1"\n[input]\nscales = 1\n', encoding="utf-8")
    monkeypatch.setattr("foadv_gui.lab.shelf.resource", lambda *parts: tmp_path)
    assert sweep_names() == ["b", "a"]
    assert load_sweep("a").size == 2
    for name in ("c", "10-b", "a.toml", "../a", ""):
        with pytest.raises(ExperimentError, match="no ready sweep of that name; did you mean"):
            load_sweep(name)
    with pytest.raises(ExperimentError, match=r"10-b\.toml.*did you mean input.scale"):
        load_sweep("b")
