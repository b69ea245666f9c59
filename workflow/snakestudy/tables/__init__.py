"""Rows and columns in any form: parquet files, text tables, what functions return, task_ids.

In come files and Python values; out go Arrow tables, plain columns, arrays. Knows no study.
"""
