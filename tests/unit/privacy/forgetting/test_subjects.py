"""Names: every one under which a customer was ever known, for known and unknown ids alike."""

from configs.settings import Settings
from privacy.forgetting.subjects import Names, new_stand_in, pseudonyms_of
from privacy.keys import write_secret
from privacy.pseudonyms import load_pseudonymizer, version_of
from privacy.purpose_names import load_purpose_names


def test_the_stores_name_and_the_purposes_names_are_listed(settings: Settings) -> None:
    keys, privacy = settings.storage.keys, settings.privacy
    names = Names(keys, privacy)
    assert names.of("anna") == (load_pseudonymizer(keys, privacy).pseudonym("anna"),)
    export = load_purpose_names(keys, privacy, "export")
    found = names.of("anna")
    assert found == (found[0], export.name(found[0]))
    assert found[0].startswith("c1_"), "a visitor of the same id is somebody else"


def test_a_customer_has_the_same_names_each_time_and_another_stand_in(settings: Settings) -> None:
    names = Names(settings.storage.keys, settings.privacy)
    first, again = names.subject("anna"), names.subject("anna")
    assert first.pseudonyms == again.pseudonyms
    assert first.stand_in != again.stand_in
    assert names.subject("anna", "n0_x").stand_in == "n0_x"
    assert names.of("anna") != names.of("bert")


def test_earlier_names_are_known_after_a_rotation(settings: Settings) -> None:
    from privacy.key_ring import first_ring, write_ring

    keys, privacy = settings.storage.keys, settings.privacy
    (before,) = Names(keys, privacy).of("anna")
    write_secret(keys / "pseudonym_v2.key", b"2" * 32)
    write_ring(keys, first_ring(1).model_copy(update={"current": 2}))
    found = Names(keys, privacy).of("anna")
    assert found[0] == before
    assert [version_of(one) for one in found] == [1, 2]


def test_a_stand_in_says_nothing() -> None:
    assert len({new_stand_in() for _ in range(100)}) == 100
    assert version_of(new_stand_in()) is None
    assert pseudonyms_of([]) == {}
