"""Why a product is on a list, in words a customer understands."""

from typing import Any, Final

from serving.shelf import Shelf

_CODES: Final = {
    "repeat": "BOUGHT_REGULARLY",
    "two_tower": "FITS_YOUR_PURCHASES",
    "similar": "SIMILAR_PRODUCT",
    "together": "BOUGHT_TOGETHER",
    "popular": "SELLS_WELL",
    "explore": "TRIED_OUT",
}
_PLAIN: Final = {
    "repeat": "{name}: you have bought it before.",
    "two_tower": "{name}: fits what you usually buy.",
    "similar": "{name}: similar to what you look at.",
    "together": "{name}: often bought in the same basket.",
    "popular": "{name}: sells well at the moment.",
    "explore": "{name}: put here by chance, to learn who likes it.",
}
_BECAUSE: Final = {
    "repeat": "{name}: you have bought it before.",
    "two_tower": "{name}: often chosen by customers who buy {because}.",
    "similar": "{name}: similar to {because}{where}.",
    "together": "{name}: often bought together with {because}{where}.",
    "popular": "{name}: sells well at the moment.",
}

_CAUSES: Final = {  # what removing lowers a product; see training.causes
    "BOUGHT_REGULARLY": "{name}: you buy it regularly.",
    "DUE_AGAIN": "{name}: going by how often you buy it, it is time again.",
    "FITS_YOUR_PURCHASES": "{name}: often chosen by customers whose purchases are like yours.",
    "KIND_YOU_BUY": "{name}: you often buy products of this kind.",
    "POPULAR_AT_YOUR_STORE": "{name}: sells well at your store.",
    "ON_OFFER": "{name}: reduced or advertised lately.",
    "SELLS_WELL": "{name}: sells well at the moment.",
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


def reason_of_cause(code: str, position: int, because: int, *, shelf: Shelf) -> dict[str, Any]:
    """Explain one product by what it owes its place to.

    Args:
        code: Of a cause without which the model would have put the product lower.
        position: The product.
        because: A product of the customer's that the cause comes from, -1 for none.
        shelf: Names and ids.
    """
    name = shelf.names[position]
    if code == "FITS_YOUR_PURCHASES" and because not in (-1, position):
        text = _BECAUSE["two_tower"].format(name=name, because=shelf.names[because])
        return {"code": code, "text": text, "product_ids": [shelf.product_ids[because]]}
    return {"code": code, "text": _CAUSES[code].format(name=name), "product_ids": []}
