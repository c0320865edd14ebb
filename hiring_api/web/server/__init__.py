"""How gunicorn serves the API: whole requests only reach a thread.

Reading order: `gunicorn_config`, `worker` (the event loop), `reception` and `framing` (the bytes of one
request), `admission` (whose bodies are waited for), `refusals` (answers to what is no HTTP), `welcome`.
"""
