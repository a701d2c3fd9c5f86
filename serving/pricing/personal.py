"""Names under which data about a person could be slipped into a question about a price."""

import re
from typing import Final

RULE: Final = (
    "No price may rest on data about a person, a device or a group of people (GDPR 22, New York GBL 349-a, "
    "Maryland HB 895). Leave it out"
)

# fmt: off
_WORDS: Final = frozenset({
    "account", "address", "age", "attribute", "audience", "birth", "birthdate", "birthday", "browser", "card",
    "child", "children", "city", "cluster", "cohort", "consent", "cookie", "credit", "cust", "customer",
    "customers", "date_of_birth", "demographic", "demographics", "device", "disability", "dob", "education",
    "email", "emails", "employee", "employer", "ethnicity", "family_name", "fingerprint", "first_name", "gender",
    "geo", "gps", "guest", "health", "hhid", "home", "household", "households", "identity", "idfa", "income",
    "individual", "ip", "language", "last_name", "lat", "latitude", "loc", "locale", "location", "lon", "longitude",
    "loyalty", "mail", "marital", "member", "members", "membership", "mobile", "nationality", "occupation",
    "patient", "person", "persona", "persona_id", "personal", "persons", "phone", "political", "postal", "postcode",
    "profession", "profile", "propensity", "pseudonym", "race", "religion", "religious", "resident", "salary",
    "segment", "segments", "session", "sex", "sexual", "shopper", "shoppers", "ssn", "subscriber", "surname", "tax",
    "telephone", "tier", "user", "user_agent", "username", "users", "vip", "visitor", "visitors", "wealth",
    "willingness", "zip", "zipcode",
})
# fmt: on
_BOUNDARY: Final = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])")


def is_personal(name: str) -> bool:
    """Tell whether the name of a field speaks of a person.

    >>> is_personal("customer_id"), is_personal("customerAge"), is_personal("colour")
    (True, True, False)
    """
    words = [word.lower() for word in _BOUNDARY.split(name) if word]
    return "_".join(words) in _WORDS or "".join(words) in _WORDS or not _WORDS.isdisjoint(words)
