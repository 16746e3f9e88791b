"""One running product for all journeys that leave it whole."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.journeys.stack import Stack, start


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with start(tmp_path_factory.mktemp("stack") / "var") as running:
        yield running
