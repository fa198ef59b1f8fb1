"""Rows are the same on both databases; what locks or compares runs on both."""

from __future__ import annotations

from tests.conftest import database as database
from tests.conftest import database_url as database_url
