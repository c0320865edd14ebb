"""A program for a test: declares one table more than there are, and sends rows through everything.

`python -m tests.fourth_table DATABASE_URL FOLDER` prints what came back as JSON. It is a process of its own,
because a declared table stays declared.
"""

import json
import sys
from typing import Any

from sqlalchemy.orm import Mapped

from hiring_api.database.engine import open_engine
from hiring_api.model.columns import Id, Instant, Reference, Text
from hiring_api.model.tables import Base, options
from hiring_api.settings import read_settings


class Office(Base):
    """Where a department sits."""

    __tablename__ = "leased_offices"
    __table_args__ = options("offices")

    id: Mapped[int] = Id().column()
    city: Mapped[str] = Text(20).column()
    leased_at: Mapped[Any] = Instant("leased").column()
    department_id: Mapped[int] = Reference("departments").column()


ROWS = [
    {"id": 3, "city": "Bogotá", "leased_at": "2021-07-27T16:02:08Z", "department_id": 1},
    {"id": 4, "city": "x" * 21, "leased_at": "2021-07-27", "department_id": 9},
    {"city": "Łódź", "leased_at": "2021-07-27T16:02:08.5-05:00", "department_id": 1},
]
FILE = "id,city,leased_at,department_id\n9,Zürich,2022-01-01T00:00:00Z,1\n10,Nowhere,2022-01-01T00:00:00Z,8\n"


def main(url, folder):
    """Sends the rows; the table is gone afterwards."""
    # Some routes are made when their module is imported, as if the table stood in tables.py
    from hiring_api.web.app import create_app
    from tests.documented import CheckedClient

    environ = {"DATABASE_URL": url, "API_USER": "u", "API_PASS": "p", "BACKUP_DIR": folder}
    settings = read_settings(environ)
    engine = open_engine(settings.database_url)
    Office.__table__.create(engine)
    try:
        app = create_app(settings)
        app.test_client_class = CheckedClient
        return send(app.test_client())
    finally:
        Office.__table__.drop(engine)


def send(client):
    auth = ("u", "p")

    def call(method, path, **sent):
        response = client.open(path, method=method, auth=auth, **sent)
        return response.status_code, response.json if response.is_json else response.data

    def rows():
        return call("GET", "/offices")[1]["items"]

    call("POST", "/departments", json={"id": 1, "department": "First"})
    told = {"posted": call("POST", "/offices", json=ROWS), "listed": rows()}
    told["uploaded"] = call("POST", "/upload/offices", data=FILE, content_type="text/csv")[0]
    told["filtered"] = call("GET", "/offices?department_id=1&leased_from=2022-01-01")[1]["items"]
    told["before"] = rows()
    _, avro = call("GET", "/backup/offices")
    _, everything = call("GET", "/backup/all")
    told["wrecked"] = call("POST", "/offices?on_conflict=update", json={**ROWS[0], "city": "Wrecked"})[0]
    told["restored"] = call("POST", "/restore/offices", data=avro, content_type="application/avro")[0]
    told["after"] = rows()
    call("POST", "/offices?on_conflict=update", json={**ROWS[0], "city": "Wrecked"})
    told["all"] = call("POST", "/restore/all", data=everything, content_type="application/zip")[0]
    told["after_all"] = rows()
    told["batch"] = call("POST", "/batch?dry_run=true", json={"offices": ROWS[:1]})[0]
    told["documented"] = "/offices" in call("GET", "/openapi.json")[1]["paths"]
    return told


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(*sys.argv[1:])))
