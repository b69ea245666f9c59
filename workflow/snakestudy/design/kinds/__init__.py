"""One file for each kind of design block: the key of a block, what it declares.

How to add one: write `KIND` in a file of its own here, name it in `design.registry`, and describe
its value in schemas/config.schema.yaml, which users' editors complete from.
"""
