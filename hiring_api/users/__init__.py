"""Who may call the API beside API_USER: names, roles and passwords, kept in the database.

Reading order: `roles` (what each may do), `passwords` (their hashes), `accounts` (the table of users).
"""
