"""What people read: tables, the task table, counts by status, outcome, check.

In come the store, outputs and the newest plan record; out go tables and words. Lies below planning
because a design may take values from results; may not import it.
"""
