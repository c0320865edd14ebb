"""How gunicorn serves the API: a thread is given whole requests only.

Reading order: `gunicorn_config`, `worker` (the event loop), `connection`, `reception` and `framing` (the
bytes of one request), `admission` and `password_checks` (whose bodies are waited for), `refusals` (answers
to what is no HTTP), `welcome`.
"""
