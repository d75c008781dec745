"""What each setting says: the text below its field in :class:`doorward.model.settings.Settings`.

pydantic can read these texts while it makes the class, which took longer than the making.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from types import MappingProxyType

from doorward.model.settings import Settings


@cache
def described() -> Mapping[str, str]:
    """The text of each field, by the field's name."""
    module = ast.parse(inspect.getsource(Settings))
    definition = module.body[0]
    assert isinstance(definition, ast.ClassDef)
    found = {}
    for field, text in pairwise(definition.body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, ast.Expr):
            found[field.target.id] = inspect.cleandoc(str(ast.literal_eval(text.value)))
    return MappingProxyType(found)
