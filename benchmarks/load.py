"""A million employees, 3.5 % of them wrong: the job against LOAD DATA LOCAL of the clean rows alone.

Give the address of an empty scratch database of a MySQL-family server in BENCH_DATABASE_URL (or
TEST_DATABASE_URL): its tables are dropped. BENCH_ROWS changes how many rows, such as 100000,1000000,5000000.
"""

from __future__ import annotations

import os
import platform
import random
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from sqlalchemy import MetaData, func, select, text

from hiring_api.data import schema
from hiring_api.data.database import open_engine
from hiring_api.data.tables import Base, Employee
from hiring_api.settings import read_settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

WRONG = 0.035
TARGET = 0.8
JOB = (
    "import sys; from migration_job.__main__ import main; status = main(sys.argv[1:]); "
    "print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')), file=sys.stderr); "
    "sys.exit(status)"
)


def main() -> None:
    """Prints a line for each number of rows."""
    url = os.environ.get("BENCH_DATABASE_URL") or os.environ.get("TEST_DATABASE_URL")
    if not url:
        sys.exit("set BENCH_DATABASE_URL to an empty scratch database of a MySQL-family server")
    engine = open_engine(read_settings({"DATABASE_URL": url}).database_url)
    print(_machine(engine))
    print(f"{'rows':>9}  {'LOAD DATA LOCAL':>17}  {'the job':>15}  ratio  peak memory of the job")
    for rows in map(int, os.environ.get("BENCH_ROWS", "1000000").split(",")):
        with TemporaryDirectory() as folder:
            clean = _write_files(Path(folder), rows)
            yardstick = clean / _yardstick(engine, Path(folder) / "clean.txt", clean)
            job, memory = _job(engine, url, Path(folder))
            ours = rows / job
        print(
            f"{rows:9,}  {yardstick:10,.0f} rows/s  {ours:8,.0f} rows/s  {ours / yardstick:5.2f}  "
            f"{memory / 1024:.0f} MB"
        )
    engine.dispose()


def _machine(engine: Engine) -> str:
    with engine.connect() as connection:
        version = connection.execute(text("SELECT VERSION()")).scalar_one()
        pool = connection.execute(text("SELECT @@innodb_buffer_pool_size")).scalar_one()
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((line.split(": ")[1].strip() for line in lines if "model name" in line), "?")
    return (
        f"{os.cpu_count()} cores of {cpu}, Python {platform.python_version()}, server {version}, "
        f"innodb_buffer_pool_size {pool // 1024**2} MB; load average {os.getloadavg()[0]:.1f}"
    )


def _write_files(folder: Path, rows: int) -> int:
    """The three CSV files, and the clean employees as LOAD DATA takes them; how many of these there are."""
    dice = random.Random(rows)
    (folder / "departments.csv").write_text("".join(f"{key},Department {key}\n" for key in range(1, 13)))
    (folder / "jobs.csv").write_text("".join(f"{key},Job {key}\n" for key in range(1, 184)))
    clean = 0
    with (folder / "hired_employees.csv").open("w") as file, (folder / "clean.txt").open("w") as plain:
        for key in range(1, rows + 1):
            day = f"2021-{dice.randrange(1, 13):02}-{dice.randrange(1, 29):02}"
            moment = f"{dice.randrange(24):02}:{dice.randrange(60):02}:{dice.randrange(60):02}"
            name = f"Firstname{dice.randrange(1000)} Lastname{dice.randrange(10000)}"
            row = [
                str(key),
                name,
                f"{day}T{moment}Z",
                str(dice.randrange(1, 13)),
                str(dice.randrange(1, 184)),
            ]
            if dice.random() < WRONG:
                row[dice.randrange(1, 5)] = ""
            else:
                plain.write("\t".join([row[0], name, f"{day} {moment}", *row[3:]]) + "\n")
                clean += 1
            file.write(",".join(row) + "\n")
    return clean


def _empty(engine: Engine) -> None:
    present = MetaData()
    with engine.begin() as connection:
        present.reflect(connection)
        present.drop_all(connection)
    schema.upgrade(engine)


def _yardstick(engine: Engine, clean: Path, rows: int) -> float:
    """Seconds of LOAD DATA LOCAL alone, in one transaction."""
    _empty(engine)
    with engine.begin() as connection:
        for name, count in (("departments", 13), ("jobs", 184)):
            values = ", ".join(f"({key}, 'x')" for key in range(1, count))
            connection.exec_driver_sql(f"INSERT INTO {name} VALUES {values}")
    begun = time.monotonic()
    with engine.begin() as connection:
        connection.exec_driver_sql(
            f"LOAD DATA LOCAL INFILE '{clean}' INTO TABLE hired_employees CHARACTER SET utf8mb4"
        )
    took = time.monotonic() - begun
    _expect(engine, rows)
    return took


def _job(engine: Engine, url: str, folder: Path) -> tuple[float, int]:
    """Seconds of the whole job, its start included, and its peak memory in KiB."""
    _empty(engine)
    environ = {
        **os.environ,
        "DATABASE_URL": url,
        "REJECTS_DIR": str(folder / "rejects"),
        "LOG_LEVEL": "ERROR",
    }
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", JOB, str(folder)], env=environ, capture_output=True, text=True, check=True
    )
    took = time.monotonic() - begun
    _expect(engine, sum(1 for _ in (folder / "clean.txt").open()))
    memory = next(line.split()[1] for line in done.stderr.splitlines() if line.startswith("VmHWM"))
    return took, int(memory)


def _expect(engine: Engine, rows: int) -> None:
    with engine.connect() as connection:
        stored = connection.execute(
            select(func.count()).select_from(Base.metadata.tables[Employee.__tablename__])
        )
        found = stored.scalar_one()
    if found != rows:
        sys.exit(f"{found} rows were loaded, not {rows}")


if __name__ == "__main__":
    main()
