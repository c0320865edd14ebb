"""Rows for every table, and what a service holds of them."""

DEPARTMENTS = [{"id": 1, "department": "Sales"}, {"id": 7, "department": "Año Nuevo 🎉"}]
JOBS = [{"id": 1, "job": "Clerk"}]
EMPLOYEES = [
    {"id": 1, "name": "Ana O'Neil", "datetime": "2021-07-27T16:02:08Z", "department_id": 1, "job_id": 1},
    {"id": 5, "name": "José", "datetime": "1000-01-01T00:00:00Z", "department_id": 7, "job_id": 1},
    {"id": 300, "name": "Zoë", "datetime": "9999-12-31T23:59:59.999999Z", "department_id": 1, "job_id": 1},
]
ROWS = {"departments": DEPARTMENTS, "jobs": JOBS, "employees": EMPLOYEES}


def fill(client):
    """The client, after it has posted `ROWS`."""
    for resource, rows in ROWS.items():
        assert client.post(f"/{resource}", json=rows).status_code == 201
    return client


def rows_of(client, resource):
    """The first page of a list."""
    return client.get(f"/{resource}").json["items"]


def everything(client):
    """All rows of all tables, by resource."""
    return {resource: rows_of(client, resource) for resource in ROWS}
