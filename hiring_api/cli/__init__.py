"""The commands of `python -m hiring_api`.

Reading order: `arguments`, `main` (exit statuses, errors), `commands` (a function each), `named_files` (what
FILE names), `confirm` (the question before a restore), `schedule`, `users`, `local` (`make run`).
"""
