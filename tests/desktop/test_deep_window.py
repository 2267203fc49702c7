"""A classifier of several layers in the window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hands import Hands


def test_everything_follows_a_slider_with_a_deep_classifier(open_window: Callable[..., Hands], tmp_path: Path) -> None:
    rng, arrays = np.random.default_rng(4), {}
    for i, (rows, columns) in enumerate(((12, 16), (9, 12), (3, 9)), 1):
        arrays |= {f"W{i}": rng.standard_normal((rows, columns)), f"b{i}": rng.standard_normal(rows)}
    np.savez(tmp_path / "w.npz", **arrays)
    network = {"source": "file", "file": str(tmp_path / "w.npz"), "loss": "cross-entropy"}
    hands = open_window(network=network)
    slider, session = hands.field("input.scale").editor.slider, hands.session
    before = session.spectrum
    hands.slide(slider, slider.value() - 100)
    hands.rest()
    assert not hands.failures
    assert np.linalg.norm(session.recording.x) < 1
    assert session.spectrum is not before and session.spectrum.exact
