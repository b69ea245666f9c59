"""Blocks of a configuration -> the parameter sets they declare, with their task_ids.

In come mappings (grid, table, sample, ...); out goes a `Design`: columns, a code a set. Kinds
of blocks are listed in `registry`. Reads no store and no record.
"""
