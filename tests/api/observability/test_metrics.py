"""Counts: closed labels, our own registry, nothing a message could choose."""

from __future__ import annotations

import re

from prometheus_client.parser import text_string_to_metric_families

from api.observability import metrics


def families() -> dict[str, object]:
    return {family.name: family for family in text_string_to_metric_families(metrics.exposition().decode())}


def test_the_exposition_can_be_read_and_every_name_is_ours() -> None:
    found = families()
    assert {"hams_inbound", "hams_sent", "hams_turn_seconds", "hams_exit_seconds"} <= set(found)
    assert all(name.startswith("hams_") for name in found)


def test_labels_are_few_and_none_of_them_names_anybody() -> None:
    allowed = {"channel", "outcome", "band", "policy"}
    for collector in vars(metrics).values():
        assert set(getattr(collector, "_labelnames", ())) <= allowed


def test_every_metric_says_what_it_counts() -> None:
    helps = re.findall(r"^# HELP (\S+) (.*)$", metrics.exposition().decode(), re.MULTILINE)
    assert helps and all(len(text) > 10 for _, text in helps)


def test_a_label_that_is_missing_is_an_error_and_not_a_new_series() -> None:
    try:
        metrics.INBOUND.labels("sms").inc()
    except ValueError:
        return
    raise AssertionError("a label was left out")
