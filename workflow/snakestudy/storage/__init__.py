"""What stays on disk: manifests, chunk stores, states, plan records, published outputs.

In come typed values (`documents`); out come files, whole or not at all, each with its format
number. Knows what a row must hold, not how it was computed.
"""
