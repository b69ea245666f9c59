"""What pyproject.toml cannot say: the schema lies beside the package, and in it once installed."""

from setuptools import setup
from setuptools.command.build_py import build_py

SCHEMA = "schemas/config.schema.yaml"


class WithSchema(build_py):
    """Builds the package with the schema; editable, it is found where it lies."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            target = f"{self.build_lib}/snakestudy/{SCHEMA}"
            self.mkpath(target.rpartition("/")[0])
            self.copy_file(f"workflow/{SCHEMA}", target)


setup(cmdclass={"build_py": WithSchema})
