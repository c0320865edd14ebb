"""Random batches against a model in plain Python, on both databases: same answers, same tables.

MACHINE_EXAMPLES=500 tries more of them.
"""

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from hiring_api.model.tables import Base
from tests.conftest import empty, on_record

EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "15"))
NAMES = ["departments", "jobs", "employees"]
STORED = {"departments": "departments", "jobs": "jobs", "employees": "hired_employees"}
PARENTS = {"department_id": "departments", "job_id": "jobs"}
TEXTS = {"departments": "department", "jobs": "job", "employees": "name"}
IDS = st.integers(1, 8)
TEXT = st.sampled_from(["Ana", "Zoë", " José ", "", "x" * 256])
INSTANT = st.sampled_from(["2021-07-27T16:02:08Z", "2021-07-27T18:02:08+02:00", "2021-07-27"])


def rows_of(name):
    required = {TEXTS[name]: TEXT}
    if name == "employees":
        required |= {"datetime": INSTANT, "department_id": IDS, "job_id": IDS}
    row = st.fixed_dictionaries(required, optional={"id": IDS | st.sampled_from([0, 2**31])})
    return st.lists(row, max_size=8)


BODIES = st.fixed_dictionaries({}, optional={name: rows_of(name) for name in NAMES}).filter(
    lambda body: any(body.values())
)


def wrong(name, row, known):
    """The errors of a row that need no look at its own table, as pairs of field and code."""
    text, found = row[TEXTS[name]].strip(), set()
    if not 0 < len(text) < 256:
        found.add((TEXTS[name], "too_long" if text else "required"))
    if "id" in row and not 0 < row["id"] < 2**31:
        found.add(("id", "out_of_range"))
    if row.get("datetime") == "2021-07-27":
        found.add(("datetime", "invalid_format"))
    return found | {
        (field, "unknown_reference") for field in PARENTS if field in row and row[field] not in known[field]
    }


def shown(name, row):
    """A right row as the API shows it."""
    instant = {"datetime": "2021-07-27T16:02:08Z"} if "datetime" in row else {}
    return {**row, TEXTS[name]: row[TEXTS[name]].strip(), **instant}


class Machine(RuleBasedStateMachine):
    """The API beside three dicts of rows by id."""

    world = None  # a dict, because hypothesis looks for rules in every attribute

    def __init__(self):
        super().__init__()
        self.client, self.engine = self.world["client"], self.world["engine"]
        empty(self.engine)
        self.model = {name: {} for name in NAMES}
        self.refused = 0

    @rule(
        body=BODIES,
        mode=st.sampled_from(["partial", "atomic"]),
        on_conflict=st.sampled_from(["error", "skip", "update"]),
        dry_run=st.sampled_from(["false", "false", "false", "true"]),
    )
    def send(self, body, mode, on_conflict, dry_run):
        query = f"mode={mode}&on_conflict={on_conflict}&dry_run={dry_run}"
        response = self.client.post(f"/batch?{query}", json=body)
        self.compare(body, response, response.json, mode, on_conflict, dry=dry_run == "true")

    @rule(name=st.sampled_from(NAMES), data=st.data())
    def send_to_one(self, name, data):
        rows = data.draw(rows_of(name).filter(bool))
        response = self.client.post(f"/{name}", json=rows)
        self.compare({name: rows}, response, {name: response.json}, "partial", "error", dry=False)

    @rule(name=st.sampled_from(NAMES), row_id=IDS)
    def delete_behind_its_back(self, name, row_id):
        used = any(
            row[field] == row_id
            for row in self.model["employees"].values()
            for field, parent in PARENTS.items()
            if parent == name
        )
        if not used and self.model[name].pop(row_id, None):
            table = Base.metadata.tables[STORED[name]]
            with self.engine.begin() as connection:
                connection.execute(table.delete().where(table.c.id == row_id))

    def predict(self, body, on_conflict):
        """The status of each row, or its errors, by table; the ids that are to come are known to children."""
        coming = {name: set(rows) for name, rows in self.model.items()}
        expected = {}
        for name in (name for name in NAMES if name in body):
            known = {field: coming[parent] for field, parent in PARENTS.items()}
            seen, expected[name] = set(), []
            for row in body[name]:
                errors, row_id = wrong(name, row, known), row.get("id")
                same = not errors and self.model[name].get(row_id) == shown(name, row)
                if row_id in seen:
                    errors.add(("id", "duplicate_id"))
                elif row_id in self.model[name] and not same and on_conflict == "error":
                    errors.add(("id", "already_exists"))
                if not errors and row_id is not None:
                    seen.add(row_id)
                exists = "skipped" if same or on_conflict == "skip" else "updated"
                expected[name].append(errors or (exists if row_id in self.model[name] else "inserted"))
            coming[name] |= seen
        return expected

    def compare(self, body, response, answers, mode, on_conflict, *, dry):
        expected = self.predict(body, on_conflict)
        failed = sum(type(one) is set for rows in expected.values() for one in rows)
        taken = sum(map(len, expected.values())) - failed
        back = mode == "atomic" and failed
        assert response.status_code == (
            200 if dry else 201 if not failed else 422 if back or not taken else 207
        )
        for name, rows in expected.items():
            for one, result, row in zip(rows, answers[name]["results"], body[name], strict=True):
                self.compare_row(name, one, result, row, back=back, dry=dry)
        self.refused += 0 if dry else failed

    def compare_row(self, name, expected, result, row, *, back, dry):
        if type(expected) is set:
            assert result["status"] == "failed"
            assert {(error["field"], error["code"]) for error in result["errors"]} == expected
            return
        assert result["status"] == ("rolled_back" if back else expected)
        if back or dry:
            assert result["id"] == (None if back else row.get("id"))
            return
        assert result["id"] == row.get("id", result["id"])
        if "id" not in row:
            assert result["id"] not in self.model[name]
        if expected != "skipped":
            self.model[name][result["id"]] = {**shown(name, row), "id": result["id"]}

    @invariant()
    def the_tables_hold_what_the_model_holds(self):
        for name in NAMES:
            items = self.client.get(f"/{name}?limit=1000").json["items"]
            assert {row["id"]: row for row in items} == self.model[name]
        assert len(on_record(self.engine)) == self.refused


def test_batches_do_what_a_model_in_plain_python_does(client, engine):
    machine = type("BoundMachine", (Machine,), {"world": {"client": client, "engine": engine}})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=12,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
