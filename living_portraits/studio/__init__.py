"""The studio: a page in the browser that makes films without a line of code.

`build` makes the page and `serve` opens it; `app.py` does both. Every action is an endpoint for scripts as well: see
docs/studio.md.
"""

from living_portraits.studio.page import build, serve
from living_portraits.studio.shelf import Limits

__all__ = ["Limits", "build", "serve"]
