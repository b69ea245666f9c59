"""Run the tasks: one job visits one chunk for one step."""

for step in context.steps:

    rule:
        """Bring the tables of one chunk up to its manifest."""
        name:
            step.name
        input:
            manifest="<results>/plan/chunks/{chunk}.parquet",
        output:
            [f"<results>/{metric}/{{chunk}}.parquet" for metric in step.metrics],
            metadata=f"<results>/metadata/{step.step}/{{chunk}}.parquet",
        log:
            f"<logs>/{step.name}/{{chunk}}.log",
        threads: step.threads
        resources:
            **step.resources,
        shell:
            snakefile.command("run", step.step, *context.directories[:2])
            + " {input.manifest:q} {log:q} {resources.attempt}"
