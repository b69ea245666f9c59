"""Publish the plan: its record, and the manifests that change."""


rule plan:
    """Publish what was decided when the Snakefile was parsed; with nothing new, do nothing."""
    output:
        record=f"<results>/plan/{study.plan:04d}.json",
        manifests=[
            f"<results>/plan/chunks/{chunk}.parquet" for chunk in study.publishes
        ],
    log:
        "<logs>/plan.log",
    retries: 0
    localrule: True
    shell:
        _parse.command("plan", study.proposal, study.layout.results)
        + " 2> {log:q} || (cat {log:q} >&2; exit 1)"
