"""Both metrics of a year, of a million employees; and what the index that makes them quick costs the load.

Once with all hires in one year, once in two years, as `python -m migration_job.samples` makes them.
On SQLite, and on a private server or the scratch database of a MySQL-family server in TEST_DATABASE_URL: its
tables are dropped. BENCH_ROWS changes how many employees there are.
"""

from __future__ import annotations

import os
import random
import statistics
import time
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from sqlalchemy import MetaData, insert, inspect

from hiring_api.database import bulk_load, schema
from hiring_api.database.engine import open_engine
from hiring_api.database.transactions import snapshot, transaction
from hiring_api.model.row_lines import to_lines
from hiring_api.model.tables import Department, Employee, Job
from hiring_api.queries import metrics
from hiring_api.queries.metrics import Period
from hiring_api.settings import read_settings
from tests.server import NoServer, scratch_database

if TYPE_CHECKING:
    from sqlalchemy import Engine

ROWS = int(os.environ.get("BENCH_ROWS", "1000000"))
CHUNK = 50_000
ROUNDS = 5
NEW_YEAR = datetime(2021, 1, 1)  # noqa: DTZ001  # naive UTC
PERIODS = {
    "a year": Period.of_year(2021),
    "ten months, not of whole quarters": Period(NEW_YEAR.replace(month=2), NEW_YEAR.replace(month=12)),
}
EMPLOYEES = Employee.__table__
# As the table was before the metrics had an index
FORMER = [
    "CREATE INDEX ix_former ON hired_employees (department_id)",
    "DROP INDEX ix_hired_employees_quarter",
]


def main() -> None:
    """Prints a line for each metric and period, then what the load took with the index and without."""
    with TemporaryDirectory() as folder:
        run(f"sqlite:///{Path(folder)}/hiring.db")
    try:
        with scratch_database() as url:
            run(url)
    except NoServer as reason:
        print(f"No server: {reason}")


def run(url: str) -> None:
    """Prints the lines of one database."""
    engine = open_engine(read_settings({"DATABASE_URL": url}).database_url)
    for years in (1, 2):
        prepare(engine)
        took = load(engine, years)
        print(f"{engine.dialect.name}, {ROWS:,} hires in {years} year(s), loaded in {took:.2f} s")
        if engine.dialect.name != "sqlite":
            with engine.connect() as connection:
                connection.exec_driver_sql(f"ANALYZE TABLE {EMPLOYEES.name}").all()
        measure(engine)
    prepare(engine)
    use_former_index(engine)
    print(f"  without the index of the metrics, loaded in {load(engine, 2):.2f} s")
    engine.dispose()


def prepare(engine: Engine) -> None:
    """Empty tables but for the parents."""
    present = MetaData()
    with engine.begin() as connection:
        for view in inspect(connection).get_view_names():
            connection.exec_driver_sql(f"DROP VIEW {view}")
        present.reflect(connection)
        present.drop_all(connection)
    schema.upgrade(engine)
    with engine.begin() as connection:
        rows = [{"id": key, "department": f"Department {key}"} for key in range(1, 13)]
        connection.execute(insert(Department), rows)
        connection.execute(insert(Job), [{"id": key, "job": f"Job {key}"} for key in range(1, 184)])


def use_former_index(engine: Engine) -> None:
    """Gives the table the index that it had before."""
    on = "" if engine.dialect.name == "sqlite" else " ON hired_employees"
    with engine.begin() as connection:
        connection.exec_driver_sql(FORMER[0])
        connection.exec_driver_sql(FORMER[1] + on)


def load(engine: Engine, years: int) -> float:
    """Seconds that the database takes for the rows, by its fastest way, in chunks."""
    dice, took = random.Random(ROWS), 0.0
    seconds = years * 365 * 86_400
    for first in range(1, ROWS + 1, CHUNK):
        rows = [
            (
                key,
                f"Firstname{key % 1000} Lastname{dice.randrange(10_000)}",
                NEW_YEAR + timedelta(seconds=dice.randrange(seconds)),
                dice.randrange(1, 13),
                dice.randrange(1, 184),
            )
            for key in range(first, min(first + CHUNK, ROWS + 1))
        ]
        lines = to_lines(EMPLOYEES, rows)
        begun = time.monotonic()
        transaction(engine, lambda connection, lines=lines: bulk_load.load(connection, lines))
        took += time.monotonic() - begun
    return took


def measure(engine: Engine) -> None:
    """Prints the median of some rounds for each metric and period, and how many it counted."""
    for what, period in PERIODS.items():
        for metric in (metrics.hired_by_quarter, metrics.above_mean):
            times = []
            for _ in range(ROUNDS):
                with snapshot(engine) as connection:
                    begun = time.monotonic()
                    metric(connection, period)
                    times.append(time.monotonic() - begun)
            print(f"  {metric.__name__} of {what}: {statistics.median(times) * 1000:.0f} ms")


if __name__ == "__main__":
    main()
