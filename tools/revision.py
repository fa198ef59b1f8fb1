"""Write a new migration from the difference between the models and an empty, migrated SQLite database.

Usage: python -m tools.revision "what it does"
"""

import sys
import tempfile
from pathlib import Path

from alembic import command

from server import migrate


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite+aiosqlite:///{Path(folder) / 'scratch.db'}"
        number = len(list((migrate.ROOT / "migrations" / "versions").glob("*.py")))
        if number:
            migrate.upgrade(url)
        config = migrate.alembic_config(url)
        command.revision(config, message=sys.argv[1], autogenerate=True, rev_id=f"{number + 1:04d}")


if __name__ == "__main__":
    main()
