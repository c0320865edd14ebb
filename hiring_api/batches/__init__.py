"""The rows of a POST: what becomes of each, all in one transaction.

Reading order: `report` (outcomes and the answer), `columns` (the rows by column), `insert` (look up, plan,
write, try again), `apply` (planned rows into the table), `idempotency` (answers kept under a key).
"""
