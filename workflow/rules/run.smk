"""Run the tasks: one job visits one chunk."""


rule run:
    """Bring the tables of one chunk up to its manifest."""
    input:
        manifest="<results>/plan/chunks/{chunk}.parquet",
    output:
        [f"<results>/{metric}/{{chunk}}.parquet" for metric in study.metrics],
        metadata="<results>/metadata/run/{chunk}.parquet",
    log:
        "<logs>/run/{chunk}.log",
    threads: study.threads
    resources:
        **study.resources,
    shell:
        _parse.command("run", *study.directories[:2])
        + " {input.manifest:q} {log:q} {resources.attempt}"
