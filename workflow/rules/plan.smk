"""Publish the plan: its record, and the manifests that change."""


rule plan:
    """Publish what was decided when the Snakefile was parsed; with nothing new, do nothing."""
    output:
        record=f"<results>/plan/{context.plan:04d}.json",
        manifests=[
            f"<results>/plan/chunks/{chunk}.parquet" for chunk in context.publishes
        ],
    log:
        "<logs>/plan.log",
    retries: 0
    localrule: True
    shell:
        snakefile.command("plan", context.proposal, context.layout.results)
        + " 2> {log:q} || (cat {log:q} >&2; exit 1)"
