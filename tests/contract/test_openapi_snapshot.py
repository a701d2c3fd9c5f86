"""The HTTP contract does not change unseen."""

import json
from pathlib import Path

from serving.app import TABLE
from serving.openapi import openapi

SNAPSHOT = Path(__file__).with_name("openapi.json")


def test_the_document_equals_the_snapshot() -> None:
    """After a wanted change write the new document over tests/contract/openapi.json and read the difference."""
    current = json.dumps(openapi(TABLE), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    assert SNAPSHOT.read_text(encoding="utf-8") == current, (
        "the OpenAPI document changed. If that is wanted: python -c 'import json; from serving.app import TABLE; "
        "from serving.openapi import openapi; print(json.dumps(openapi(TABLE), indent=1, sort_keys=True, "
        "ensure_ascii=False))' > tests/contract/openapi.json"
    )
