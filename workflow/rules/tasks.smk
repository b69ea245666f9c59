"""The task table, and one type a column over all files of a table."""


rule tasks:
    """Write the task table; bring the files of all chunks into one schema."""
    input:
        record=rules.plan.output.record,
        tables=snakefile.outputs(context),
    output:
        "<results>/tasks.parquet",
    log:
        "<logs>/tasks.log",
    localrule: True
    shell:
        snakefile.command("tasks", context.layout.results) + " 2>&1 | tee {log:q} >&2"
