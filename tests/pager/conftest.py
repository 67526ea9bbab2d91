"""What tests of the pager share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pager.certificates import Certificates
from tests.pager.secret_file import SecretFile


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Return an authority of the tests' own, and a server's certificate by it."""
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def secret(tmp_path: Path) -> SecretFile:
    """Return a file for a secret of the test's own."""
    return SecretFile(tmp_path)
