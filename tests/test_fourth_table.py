"""A table is declared once: one class, and every part of the program handles its rows."""

import json
import subprocess
import sys


def test_a_table_more_is_a_class_more_and_nothing_else(engine, database_url, root, tmp_path):
    url = database_url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "tests.fourth_table", url, str(tmp_path)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout)
    first = {"id": 3, "city": "Bogotá", "leased_at": "2021-07-27T16:02:08Z", "department_id": 1}
    second = {"id": 4, "city": "Łódź", "leased_at": "2021-07-27T21:02:08.500000Z", "department_id": 1}
    third = {"id": 9, "city": "Zürich", "leased_at": "2022-01-01T00:00:00Z", "department_id": 1}
    status, posted = told["posted"]
    assert (status, [result["status"] for result in posted["results"]]) == (
        207,
        ["inserted", "failed", "inserted"],
    )
    assert [error["code"] for error in posted["results"][1]["errors"]] == [
        "too_long",
        "invalid_format",
        "unknown_reference",
    ]
    assert told["listed"] == [first, second]
    assert (told["uploaded"], told["filtered"]) == (207, [third])
    assert told["before"] == told["after"] == told["after_all"] == [first, second, third]
    assert (told["wrecked"], told["restored"], told["all"]) == (201, 200, 200)
    assert (told["batch"], told["documented"]) == (200, True)
