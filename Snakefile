# The study lives in config/ and scripts/; what runs it lives in workflow/.
include: "workflow/Snakefile"


workflow.default_target = "all"
