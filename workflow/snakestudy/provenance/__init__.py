"""What results depend on, as digests, and what changed since, in words.

In come a step of the study and its files; out go a `Provenance`, the digest each row keeps, and
the one rule by which a row has to be made again (`row_digest.needs_run`). Reads no store.
"""
