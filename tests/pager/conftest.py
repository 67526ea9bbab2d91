"""What tests of the pager share."""

from __future__ import annotations

import pytest

from tests.pager.certificates import Certificates


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Return an authority of the tests' own, and a server's certificate by it."""
    return Certificates(tmp_path_factory.mktemp("certificates"))
