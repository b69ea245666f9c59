"""Read everything and say what is missing or wrong; not part of `all`."""


rule check:
    """Check every file of results/ and of the store; end with status 1 if something is wrong."""
    log:
        "<logs>/check.log",
    retries: 0
    localrule: True
    shell:
        snakefile.command("check", *context.directories) + " 2>&1 | tee {log:q} >&2"
