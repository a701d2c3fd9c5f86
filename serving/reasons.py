"""Why a product is on a list, in words a customer understands."""

from typing import Any, Final

from serving.shelf import Shelf

_CODES: Final = {
    "repeat": "BOUGHT_REGULARLY",
    "two_tower": "FITS_YOUR_PURCHASES",
    "similar": "SIMILAR_PRODUCT",
    "together": "BOUGHT_TOGETHER",
    "popular": "SELLS_WELL",
}
_PLAIN: Final = {
    "repeat": "{name}: you have bought it before.",
    "two_tower": "{name}: fits what you usually buy.",
    "similar": "{name}: similar to what you look at.",
    "together": "{name}: often bought in the same basket.",
    "popular": "{name}: sells well at the moment.",
}
_BECAUSE: Final = {
    "repeat": "{name}: you have bought it before.",
    "two_tower": "{name}: often chosen by customers who buy {because}.",
    "similar": "{name}: similar to {because}{where}.",
    "together": "{name}: often bought together with {because}{where}.",
    "popular": "{name}: sells well at the moment.",
}


def reason(source: str, position: int, because: int, *, shelf: Shelf, where: str) -> dict[str, Any]:
    """Explain one product of a list.

    Args:
        source: The method that brought it in.
        position: The product.
        because: The product that explains it, -1 for none.
        shelf: Names and ids.
        where: How the reader knows the explaining product, such as ", in your basket"; may be empty.
    """
    name = shelf.names[position]
    if because in (-1, position):  # a repeated purchase explains itself
        return {"code": _CODES[source], "text": _PLAIN[source].format(name=name), "product_ids": []}
    text = _BECAUSE[source].format(name=name, because=shelf.names[because], where=where)
    return {"code": _CODES[source], "text": text, "product_ids": [shelf.product_ids[because]]}
