"""A million employees, 3.5 % of them wrong: the job against LOAD DATA LOCAL of the clean rows alone.

On a private server, or the scratch database of a MySQL-family server in TEST_DATABASE_URL: its tables are
dropped. BENCH_ROWS changes how many rows, such as 100000,1000000,5000000.
"""

from __future__ import annotations

import compileall
import json
import os
import platform
import random
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pandas as pd
from sqlalchemy import MetaData, func, select, text

from hiring_api.database import schema
from hiring_api.database.engine import open_engine
from hiring_api.model.columns import Instant
from hiring_api.model.tables import Base, Employee, kinds
from hiring_api.settings import read_settings
from tests.server import NoServer, scratch_database

if TYPE_CHECKING:
    from sqlalchemy import Engine

WRONG = 0.035
FEW = 200_000
EMPLOYEES = Base.metadata.tables[Employee.__tablename__]
# As where the server forbids it: the client does not offer it
WITHOUT_LOCAL = (
    "import hiring_api.database.engine as d; o = d.engine_options; "
    "d.engine_options = lambda u: (lambda x: (x['connect_args'].update(local_infile=False), x)[1])(o(u)); "
)
JOB = (
    "import sys; from migration_job.main import main; status = main(sys.argv[1:]); "
    "print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')), file=sys.stderr); "
    "sys.exit(status)"
)


def main() -> None:
    """Prints a line for each number of rows, then one without LOAD DATA LOCAL."""
    for package in ("hiring_api", "migration_job"):
        compileall.compile_dir(package, quiet=1)  # as in the job's image
    try:
        with scratch_database() as url:
            engine = open_engine(read_settings({"DATABASE_URL": url}).database_url)
            print(_machine(engine))
            for rows in map(int, os.environ.get("BENCH_ROWS", "100000,1000000").split(",")):
                _print_local(engine, url, rows)
            _print_without_local(engine, url)
            engine.dispose()
    except NoServer as reason:
        print(f"No server: {reason}")


def _print_local(engine: Engine, url: str, rows: int) -> None:
    """Against LOAD DATA LOCAL of the clean rows, before and after."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        clean = _write_files(folder, rows)
        before = clean / _yardstick(engine, folder / "clean.txt", clean)
        job, alone, memory = _job(engine, url, folder)
        after = clean / _yardstick(engine, folder / "clean.txt", clean)
        yardstick = (before + after) / 2
        print(f"{rows:,} rows: LOAD DATA LOCAL of the clean ones {before:,.0f} and {after:,.0f} rows/s")
        _print("the whole job", rows / job, yardstick, memory)
        _print("loading alone", rows / alone, yardstick, memory)


def _print(what: str, ours: float, yardstick: float, memory: int) -> None:
    print(f"  {what}: {ours:,.0f} rows/s, ratio {ours / yardstick:.2f}, peak memory {memory / 1024:.0f} MB")


def _print_without_local(engine: Engine, url: str) -> None:
    """Against pandas' to_sql of the clean rows, a thousand at a time, which are its fastest steps here."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        clean = _write_files(folder, FEW)
        names = list(kinds(EMPLOYEES))
        instants = [name for name, kind in kinds(EMPLOYEES).items() if isinstance(kind, Instant)]
        frame = pd.read_csv(folder / "clean.txt", sep="\t", names=names, parse_dates=instants)
        _prepare(engine)
        begun = time.monotonic()
        with engine.begin() as connection:
            frame.to_sql(EMPLOYEES.name, connection, if_exists="append", index=False, chunksize=1000)
        to_sql = clean / (time.monotonic() - begun)
        _expect(engine, clean)
        _, alone, _ = _job(engine, url, folder, local=False)
        print(
            f"{FEW:,} rows without LOAD DATA LOCAL: loading alone {FEW / alone:,.0f} rows/s, "
            f"to_sql of pandas {pd.__version__} {to_sql:,.0f} rows/s, ratio {FEW / alone / to_sql:.2f}"
        )


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


def _prepare(engine: Engine) -> None:
    """Empty tables but for the parents."""
    _empty(engine)
    with engine.begin() as connection:
        for name, count in (("departments", 13), ("jobs", 184)):
            values = ", ".join(f"({key}, 'x')" for key in range(1, count))
            connection.exec_driver_sql(f"INSERT INTO {name} VALUES {values}")


def _yardstick(engine: Engine, clean: Path, rows: int) -> float:
    """Seconds of LOAD DATA LOCAL alone, in one transaction."""
    _prepare(engine)
    statement = f"LOAD DATA LOCAL INFILE '{clean}' INTO TABLE {EMPLOYEES.name} CHARACTER SET utf8mb4"
    begun = time.monotonic()
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)
    took = time.monotonic() - begun
    _expect(engine, rows)
    return took


def _job(engine: Engine, url: str, folder: Path, *, local: bool = True) -> tuple[float, float, int]:
    """Seconds of the whole job, its start included, seconds of the load, and the peak memory in KiB."""
    _empty(engine)
    environ = {
        **os.environ,
        "DATABASE_URL": url,
        "REJECTS_DIR": str(folder / "rejects"),
        "LOG_LEVEL": "ERROR",
    }
    report = folder / "report.json"
    command = [
        sys.executable,
        "-c",
        ("" if local else WITHOUT_LOCAL) + JOB,
        str(folder),
        "--report",
        str(report),
    ]
    begun = time.monotonic()
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    took = time.monotonic() - begun
    _expect(engine, sum(1 for _ in (folder / "clean.txt").open()))
    memory = next(line.split()[1] for line in done.stderr.splitlines() if line.startswith("VmHWM"))
    return took, json.loads(report.read_text())["tables"][-1]["seconds"], int(memory)


def _expect(engine: Engine, rows: int) -> None:
    with engine.connect() as connection:
        stored = connection.execute(select(func.count()).select_from(EMPLOYEES))
        found = stored.scalar_one()
    if found != rows:
        sys.exit(f"{found} rows were loaded, not {rows}")


if __name__ == "__main__":
    main()
