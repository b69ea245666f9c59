"""The task table, and one type a column over all files of a table."""


rule tasks:
    """Write the task table; bring the files of all chunks into one schema."""
    input:
        record=rules.plan.output.record,
        tables=_parse.outputs(study),
    output:
        "<results>/tasks.parquet",
    log:
        "<logs>/tasks.log",
    localrule: True
    params:
        command=_parse.command("tasks", study.layout.results),
    shell:
        "{params.command} 2> {log:q}"
