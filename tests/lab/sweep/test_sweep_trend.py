"""A trend is said to be there only where chance would not make it: by scipy's correlation, and by shuffling."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import page_trend_test, spearmanr

from foadv_gui.lab.sweep.trend import LEAST, trend


@settings(max_examples=40)
@given(st.integers(1, 6), st.integers(3, 12), st.integers(0, 2**32 - 1))
def test_the_correlation_is_scipys_with_ties_and_without_what_is_missing(rows: int, n: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    values = random.integers(0, 4, (rows, n)).astype(float)
    values[random.random((rows, n)) < 0.1] = np.inf
    values[random.random((rows, n)) < 0.2] = np.nan
    expected = []
    for row in values:
        there = np.flatnonzero(~np.isnan(row))
        if len(there) > 1:
            finite = np.where(np.isinf(row[there]), 99.0, row[there])
            expected.append(spearmanr(there, finite)[0] if len(set(finite)) > 1 else 0.0)
    found = trend(values)
    if found.direction == "constant" or not expected:
        assert not np.any(expected)
    else:
        assert found.mean == pytest.approx(np.mean(expected))


@settings(max_examples=20)
@given(st.integers(2, 5), st.integers(6, 12), st.integers(0, 2**32 - 1))
def test_reversed_data_have_the_reversed_trend(rows: int, n: int, seed: int) -> None:
    values = np.random.default_rng(seed).random((rows, n)) + np.linspace(0, 2, n)
    there, back = trend(values), trend(values[:, ::-1])
    turned = {"rises": "falls", "falls": "rises"}
    assert back.direction == turned.get(there.direction, there.direction)
    assert back.mean == pytest.approx(-there.mean)


def test_shuffled_data_have_a_trend_no_more_often_than_one_time_in_a_hundred() -> None:
    random = np.random.default_rng(0)
    for rows in (1, 10):
        directions = [trend(random.random((rows, 13))).direction for _ in range(400)]
        assert set(directions) <= {"none", "rises", "falls"}
        assert directions.count("none") >= 0.98 * 400


def test_a_small_but_certain_correlation_is_no_trend() -> None:
    random = np.random.default_rng(1)
    values = random.random((200, 13)) + np.linspace(0, 0.3, 13)
    found = trend(values)
    assert page_trend_test(values).pvalue < 1e-6  # it is no chance, and yet it says nothing of a single network
    assert 0.1 < found.mean < LEAST and found.direction == "none"


def test_where_nothing_changes_there_is_no_correlation_to_speak_of() -> None:
    assert trend(np.ones((4, 9))).direction == "constant"
    assert trend(np.arange(4.0)[:, None] + np.zeros(9)).direction == "constant"
    assert trend(np.full((4, 9), np.inf)).direction == "constant"


def test_too_few_values_tell_nothing() -> None:
    assert trend(np.arange(4.0)[None]).direction == "untold"
    assert trend(np.full((3, 9), np.nan)).direction == "untold"
    assert trend(np.empty((0, 9))).direction == "untold"
    assert trend(np.arange(9.0)[None]).direction == "rises"
    assert trend(np.tile(np.arange(4.0), (5, 1))).direction == "rises"
