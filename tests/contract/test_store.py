"""The stores that need no server keep the contract of `storage.base`.

`tests/integration/test_object_stores.py` runs the same suite on real servers.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from batchpoint_runner.storage.base import Store
from batchpoint_runner.storage.local import LocalStore
from batchpoint_runner.storage.memory import MemoryStore
from support.store_contract import StoreContract, folder

__all__ = ["folder"]


class TestMemory(StoreContract):
    @pytest.fixture
    def store(self) -> Store:
        return MemoryStore()


class TestLocalFolder(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return LocalStore(tmp_path / "not yet there")


class TestWholeDisk(StoreContract):
    @pytest.fixture
    def store(self) -> Store:
        return LocalStore(Path("/"))

    @pytest.fixture
    def folder(self, tmp_path: Path) -> str:
        return f"{tmp_path}/folder".lstrip("/")
