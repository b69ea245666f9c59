"""The side that faces Snakemake: what the Snakefile declares, what jobs ask for, guards of plugins.

In comes Snakemake's `workflow`; out go rules' files, requests and command lines. Every use of
Snakemake's or a plugin's internals is here. May not import commands.
"""
