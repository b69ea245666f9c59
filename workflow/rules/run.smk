"""Run the tasks: one job visits one chunk."""


rule run:
    """Bring the tables of one chunk up to its manifest."""
    input:
        manifest="<results>/plan/chunks/{chunk}.parquet",
    output:
        [f"<results>/{metric}/{{chunk}}.parquet" for metric in context.metrics],
        metadata="<results>/metadata/run/{chunk}.parquet",
    log:
        "<logs>/run/{chunk}.log",
    threads: context.threads
    resources:
        **context.resources,
    shell:
        snakefile.command("run", *context.directories[:2])
        + " {input.manifest:q} {log:q} {resources.attempt}"
