"""Every table that may hold something of a person is in the book, with what becomes of it."""

from __future__ import annotations

import server.tables
from care.privacy.deciding import spoken
from care.privacy.deletion import Item
from care.privacy.holdings import book
from channels.reply import Reply
from channels.wording.catalogue import Catalogue
from server.wording import WORDING

ALL = server.tables.Base.metadata.tables
LEADS = (
    "patient_id",
    "contact_id",
    "conversation_id",
    "inbound_id",
    "outbound_id",
    "subject_id",
    "response_id",
)


def test_no_table_is_forgotten() -> None:
    known = {one.table for one in book().holdings} | set(book().nobody)
    personal = {
        name
        for name, table in ALL.items()
        if any(column.name.endswith("_sealed") or column.name in LEADS for column in table.columns)
    }
    assert personal <= known, f"say in data/seed/holdings.yml what becomes of {sorted(personal - known)}"


def test_every_entry_names_columns_that_are_there() -> None:
    for one in book().holdings:
        columns = set(ALL[one.table].columns.keys())
        asked = {*one.of.values(), *one.blank, *one.where, *one.where_not}
        if one.keep:
            asked.add(one.keep.after)
            assert one.keep.law in book().laws
        assert asked <= columns, one.table
        assert all(ALL[one.table].c[column].nullable for column in one.blank), one.table
        assert one.of or one.on_deletion == "keep"


def test_what_is_blanked_is_all_that_is_sealed() -> None:
    for one in book().holdings:
        if "blank" in (one.on_deletion, one.stranger, one.keep.act if one.keep else ""):
            sealed = {name for name in set(ALL[one.table].columns.keys()) if name.endswith("_sealed")}
            assert sealed <= set(one.blank), one.table


def test_the_longest_answer_to_a_deletion_fits_one_message() -> None:
    """A customer message takes 2048 bytes: everything there is, in the wording that says the most."""
    known = {(one.kind, one.law if one.on_deletion == "keep" else "") for one in book().holdings}
    goes = [Item(kind, 1) for kind, law in sorted(known) if not law]
    stays = [Item(kind, 1, law) for kind, law in sorted(known) if law]
    said = Catalogue(WORDING, {"landline": "0571-00000000", "hospital": "云江市示范医院"})
    params = {"gone": spoken(goes), "kept": spoken(stays), "goes": spoken(goes), "stays": spoken(stays)}
    for key in ("privacy.deleted", "data.ask_delete"):
        assert len(said.render_wechat(Reply(key, params), None).text.encode()) <= 1900, key
