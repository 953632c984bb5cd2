"""With this folder first on PYTHONPATH, the stage that PLANT_IN names does its work and then fails."""

import importlib.abc
import importlib.util
import os
import sys

STAGE = os.environ.get("PLANT_IN")


class Planting(importlib.abc.MetaPathFinder):
    def find_spec(self, fullname, path, target=None):
        if fullname != f"lowres.stages.{STAGE}":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            run = module.run

            def fails(*arguments, **named):
                run(*arguments, **named)
                raise ValueError(f"planted\n  in {STAGE}")

            module.run = fails

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, Planting())
