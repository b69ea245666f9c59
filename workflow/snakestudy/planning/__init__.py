"""What has to run now, and why: the design held against what is there.

In come a checked study and what lies in results/; out go a plan record, the manifests that
change, and reasons in words. Knows nothing of Snakemake.
"""
