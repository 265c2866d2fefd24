"""Every annotation of the package is checked at run time while its tests run: shapes, dtypes and plain types."""

import sys

from jaxtyping import install_import_hook

if any(name.split(".")[0] == "living_portraits" for name in sys.modules):
    raise RuntimeError("living_portraits was imported before the run-time type checks were installed.")
install_import_hook("living_portraits", "beartype.beartype")
