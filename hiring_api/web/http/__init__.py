"""What the routes share.

Reading order: `routing` (what each route declares), `extensions`; `bodies`, `strict_json`, `batch_body` and
`uploaded_file` (what comes in); `reading` (which server is read); `accept`, `representations`, `downloads`,
`charts` and `problems` (what goes out); `auth`, `callers`, `clients` and `wrong_passwords` (who may call);
`request_ids`, `idempotency`, `backup_folder`; `prometheus`, `gauges` and `sources` (figures and health).
"""
