"""The rows of a POST: what becomes of each, all in one transaction. And a single row, changed or deleted.

Reading order: `report` (outcomes and the answer), `columns` (the rows by column), `insert` (plan, write, try
again), `plan` (the rows for the planner), `apply` (planned rows into the table), `idempotency` (answers kept
under a key), `one_row` (PATCH and DELETE), `correction` (a refused row, corrected).
"""
