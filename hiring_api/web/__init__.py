"""The HTTP API. `app` puts it together; `routes/` has a file for each resource, `schemas/` what OpenAPI says,
`http/` what the routes share, `server/` how gunicorn serves it.
"""
