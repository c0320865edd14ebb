"""The HTTP API.

`app` puts it together; `routes/` has a file for each resource, `http/` what the routes share, `schemas/` what
OpenAPI shows of parameters, bodies and answers, `server/` how gunicorn serves it, `console/` the page for
people. Imports go down in this order: app, routes, http, schemas, media types; `server/` stands beside the
routes.
"""
