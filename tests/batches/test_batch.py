"""`POST /departments`, `/jobs`, `/employees`: one answer for every row."""

EMPLOYEE = {"name": "Ana O'Neil", "datetime": "2021-07-27T16:02:08Z", "department_id": 1, "job_id": 1}


def test_each_row_is_answered_in_order_and_the_right_ones_go_in(client):
    client.post("/departments", json=[{"id": 1, "department": "Sales"}])
    client.post("/jobs", json=[{"id": 1, "job": "Clerk"}])
    rows = [EMPLOYEE, {**EMPLOYEE, "department_id": 99, "name": ""}, {**EMPLOYEE, "id": 7}]
    response = client.post("/employees", json=rows)
    assert response.status_code == 207
    assert response.json == {
        "table": "employees",
        "mode": "partial",
        "dry_run": False,
        "received": 3,
        "inserted": 2,
        "updated": 0,
        "skipped": 0,
        "failed": 1,
        "results": [
            {"index": 0, "status": "inserted", "id": 8},
            {
                "index": 1,
                "status": "failed",
                "id": None,
                "errors": [
                    {"field": "name", "code": "required", "message": "name is required: it is empty"},
                    {
                        "field": "department_id",
                        "code": "unknown_reference",
                        "message": "department_id 99 is not in departments",
                    },
                ],
            },
            {"index": 2, "status": "inserted", "id": 7},
        ],
    }
