"""Earlier rejects whose rows come again: resolved, renewed, or left as they are."""

import csv
import io
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import count

import pytest
from sqlalchemy import delete

from hiring_api.csv_input import records
from hiring_api.csv_input.files import Choices, inspect, on_disk
from hiring_api.database.transactions import transaction
from hiring_api.loading import loader, repairs
from hiring_api.loading.rejects_of_load import write_rejects
from hiring_api.loading.task import Task
from hiring_api.model.tables import Department, kinds
from hiring_api.rejects import record
from hiring_api.rejects.csv_file import EXTRA
from hiring_api.rejects.record import Origin
from tests.conftest import on_record

departments = Department.__table__
WHEN = datetime(2021, 11, 7, 16, 2, 8, tzinfo=UTC)


@pytest.fixture
def given(engine, tmp_path):
    """Loads departments, given as pairs or as the bytes of their file, under this name."""

    def give(*lines, name="departments.csv", data=None):
        text = io.StringIO()
        csv.writer(text).writerows(lines)
        path = tmp_path / name
        path.write_bytes(text.getvalue().encode() if data is None else data)
        file = inspect(on_disk(path, name), departments, Choices())
        task = Task(departments, file, Origin(name, f"run {next(runs)}"))
        loaded = loader.load(engine, task, give.tell)
        give.rejects = write_rejects(engine, task, loaded, tmp_path / "rejects", WHEN)
        return loaded.counts

    runs = count(1)
    give.tell = None

    return give


def resolved(engine):
    return [reject["line"] for reject in on_record(engine) if reject["resolved_at"]]


def test_of_many_rejects_each_goes_its_own_way(engine, given, tmp_path):
    wrong = [(str(key), "") for key in range(1, 2501)]
    assert given(*wrong).rejected == 2500
    first = on_record(engine)
    right = [(key, "Sales") if int(key) % 2 else (key, "") for key, _ in wrong]
    assert given(*right).inserted == 1250
    assert resolved(engine) == list(range(1, 2501, 2))
    now = on_record(engine)
    assert [reject["id"] for reject in now] == [reject["id"] for reject in first]
    assert [reject["row"] for reject in now] == [reject["row"] for reject in first]
    assert given(*[(key, "Sales") for key, _ in wrong]).unchanged == 1250
    assert len(resolved(engine)) == 2500
    assert given.rejects is None


def test_a_row_that_is_wrong_in_another_way_is_on_record_as_it_is_now(engine, given):
    given(("1", ""), ("2", ""), ("3", "Law"))
    before = on_record(engine)
    given(("1", "x" * 256), ("2", ""), ("3", "Law"))
    first, second = on_record(engine)
    assert (first["id"], first["row"]) == (before[0]["id"], ["1", "x" * 256])
    assert [error["code"] for error in first["errors"]] == ["too_long"]
    assert second == before[1]


def test_of_a_row_that_was_cut_the_beginning_stays_when_it_is_resolved(engine, given, monkeypatch):
    monkeypatch.setattr(record, "_LARGEST", 1000)
    given(("1", "é" * 400))
    [before] = on_record(engine)
    given(("1", "Law"))
    [after] = on_record(engine)
    assert (after["row"], after["resolved_at"] is None) == (before["row"], False)


WHOLE = {
    "too many fields": b"1,Research, Development\n",
    "a byte that is not UTF-8": b"1,Caf\xe9\n",
    "a quote that is not closed": b'1,"Law\n',
    "a quote within": b'1,"Law"s\n',
}


@pytest.mark.parametrize("line", WHOLE.values(), ids=WHOLE)
def test_a_line_that_was_wrong_as_a_whole_does_not_go_in_as_it_is_shown(
    engine, client, given, tmp_path, line
):
    given(name="departments.csv", data=line + b"2,\n")
    before, _ = on_record(engine)
    shown = given.rejects.read_text(encoding="utf-8")
    repaired = shown.replace("2,,", "2,Sales,").encode()
    checked = client.post("/upload/departments?dry_run=true", data=repaired, content_type="text/csv").json
    assert (checked["inserted"], checked["rejected"]) == (1, 1)
    counts = given(name="repaired.csv", data=repaired)
    assert (counts.inserted, counts.rejected) == (1, 1)
    assert on_record(engine)[0] == before
    left = given.rejects.read_text(encoding="utf-8")
    assert shown.startswith(left)
    fields = next(csv.reader([left.splitlines()[1]]))
    text = io.StringIO()
    csv.writer(text).writerows([left.splitlines()[0].split(","), [fields[0], "Other", *fields[2:]]])
    assert given(name="again.csv", data=text.getvalue().encode()).inserted == 1
    assert given.rejects is None


def test_of_a_line_with_too_many_fields_the_surplus_may_be_given_up(engine, given):
    given(name="departments.csv", data=b"1,Research,x\n2,Law,y\n")
    keys = [reject["id"] for reject in on_record(engine)]
    head = b"id,department,reject,surplus\n"
    assert given(name="a.csv", data=head + b"1,Research,%d,x\n" % keys[0]).inserted == 0
    assert given(name="b.csv", data=head + b"1,Research,%d,\n2,Law,%d,\n" % tuple(keys)).inserted == 2
    assert resolved(engine) == [1, 2]


def test_two_who_repair_rows_of_one_file_at_a_time_resolve_all_of_them(engine, client, given):
    given(*[(str(key), "") for key in range(1, 101)])
    head = [*kinds(departments), EXTRA[0]]
    keys = {reject["line"]: reject["id"] for reject in on_record(engine)}
    bodies = []
    for part in (range(1, 101, 2), range(2, 101, 2)):
        text = io.StringIO()
        csv.writer(text).writerows([head, *((line, "Law", keys[line]) for line in part)])
        bodies.append(text.getvalue())
    with ThreadPoolExecutor() as pool:
        answers = list(
            pool.map(
                lambda body: client.post("/upload/departments", data=body, content_type="text/csv"), bodies
            )
        )
    assert [(answer.status_code, answer.json["inserted"]) for answer in answers] == [(201, 50), (201, 50)]
    assert len(resolved(engine)) == 100


def test_an_upload_resolves_no_other_uploads_rejects_that_were_in_the_same_line(engine, client):
    """All uploads have one source: their lines have nothing in common."""
    for data in ("1,Sales\n2,\n", "1,Sales\n3,Law\n", "1,Sales\n2,\n"):
        client.post("/upload/departments", data=data, content_type="text/csv")
    found = [(reject["line"], reject["row"], reject["resolved_at"]) for reject in on_record(engine)]
    assert found == [(2, ["2", ""], None)] * 2


def by_key(*rows):
    """A file of rows that were given back: id, name, the reject's number."""
    return ("id", "department", "reject"), *rows


def test_the_last_reject_of_a_thousand_and_the_first_of_the_next_are_found_by_their_numbers(engine, given):
    given(*[(str(key), "") for key in range(1, 1003)])
    keys = [reject["id"] for reject in on_record(engine)]
    for place in (0, 999, 1000):
        given(*by_key((place + 1, "Law", keys[place])), name="repaired.csv")
    assert resolved(engine) == [1, 1000, 1001]


@pytest.mark.parametrize("number", ["9" * 19, "9" * 5000, "0", "-1", "\u0663", "1e3"])
def test_a_number_that_no_reject_has_resolves_nothing(engine, client, given, number):
    given(("1", ""))
    assert given(*by_key((51, "Law", number)), name="repaired.csv").inserted == 1
    text = io.StringIO()
    csv.writer(text).writerows(by_key((2, "Law", number)))
    answer = client.post("/upload/departments", data=text.getvalue().encode(), content_type="text/csv")
    assert (answer.status_code, resolved(engine)) == (201, [])


def test_what_a_second_repair_at_the_same_time_finds_resolved_stays_as_it_is(
    engine, given, tmp_path, monkeypatch
):
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    given(("1", ""), ("2", ""))
    keys = [reject["id"] for reject in on_record(engine)]
    real = repairs.mark_resolved

    def mark(connection, resolved_by):
        """Before the first repair writes what it resolved, another one has done so."""
        monkeypatch.setattr(repairs, "mark_resolved", real)
        given(*by_key((51, "Other", keys[0])), name="other.csv")
        before.extend(on_record(engine))
        real(connection, resolved_by)

    before = []
    monkeypatch.setattr(repairs, "mark_resolved", mark)
    given(*by_key((1, "Law", keys[0]), (2, "Law", keys[1])), name="repaired.csv")
    assert [reject["resolved_at"] is None for reject in before] == [False, True]
    after = on_record(engine)
    assert after[0] == before[0]
    assert after[1]["resolved_at"] is not None
    transaction(
        engine, lambda connection: connection.execute(delete(departments).where(departments.c.id == 1))
    )
    assert given(("1", ""), ("2", "")).repaired == 2


@pytest.mark.parametrize("key", ["9" * 5000, "9" * 30, "\u0663", "7\n8", "-1", "1.0"])
def test_what_is_no_key_of_a_reject_repairs_nothing(engine, given, key):
    given(name="departments.csv", data=b"1,\n")
    text = f'id,department,reject\n51,Research,"{key}"\n'
    assert given(name="repaired.csv", data=text.encode()).inserted == 1
    assert resolved(engine) == []


def test_a_load_that_was_stopped_and_gone_on_with_has_all_that_it_refused_in_its_file(
    engine, given, monkeypatch
):
    """Rows that an earlier run has refused already, and rows that are new, before and after the stop."""
    monkeypatch.setattr(records, "BLOCK", 200)
    wrong = [(str(key), "" if key % 3 else "Law") for key in range(1, 101)]
    given(*wrong[:99])
    given(*wrong[60:], name="others.csv")

    def stop(progress):
        if progress.at.line > 50:
            raise KeyboardInterrupt

    given.tell = stop
    with pytest.raises(KeyboardInterrupt):
        given(*wrong)
    given.tell = None
    before = given.rejects
    counts = given(*wrong)
    assert given.rejects != before
    with given.rejects.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == [key for key, name in wrong if not name]
    assert {row["file"] for row in rows} == {"departments.csv"}
    assert counts.rejected == len(rows)
