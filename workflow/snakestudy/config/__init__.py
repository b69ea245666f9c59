"""What the user wrote -> a checked, frozen `Study`: YAML, schema, inputs, templates, functions.

In come a file and overrides; out go values with every default written out, or one `UserError`
that names file, key and value. Decides nothing about what runs.
"""
