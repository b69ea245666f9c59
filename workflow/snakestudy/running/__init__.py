"""A visit: the tasks of one chunk are run over workers, and what came of them is kept.

In comes a manifest; out go parts of a store, and outputs. Knows nothing of the configuration file,
of plans, designs or results as people read them.
"""
