"""The end: what came out, and a non-zero exit status while a task is failed."""


rule outcome:
    """Say what came out and what failed."""
    input:
        rules.tasks.output,
    output:
        "<results>/outcome.json",
    log:
        "<logs>/outcome.log",
    retries: 0
    localrule: True
    shell:
        snakefile.command("outcome", *context.directories, context.on_failure)
        + " 2>&1 | tee {log:q} >&2"
