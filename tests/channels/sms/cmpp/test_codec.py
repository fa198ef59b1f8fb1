"""The codec against bytes it did not make: assembled here field by field from the standard's tables, and those which the public
project bigwhite/gocmpp (its *_test.go files) recorded for the same fields."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.simulator import cmpp_wire
from channels.sms.cmpp.codec import (
    Answer,
    Command,
    Connect,
    ConnectResp,
    Deliver,
    Frame,
    Malformed,
    Report,
    Submit,
    authenticator,
    authenticator_ismg,
    decode_active_test_resp,
    read_header,
)

DIGEST = bytes.fromhex("90d00c1d517abd0b4f65f6bcf8535d16")


def test_login_digests_are_the_published_ones() -> None:
    """SP 900001, secret 888888, 21 October 08:05:10."""
    assert authenticator("900001", "888888", 1021080510) == DIGEST
    assert authenticator_ismg(0, DIGEST, "888888").hex() == "7942977274098cf210ab0c16c367bc8d"


def test_a_time_before_october_keeps_its_ten_digits() -> None:
    """1 January 02:03:04; the stand-in pads in its own way."""
    body = Connect("900001", authenticator("900001", "888888", 101020304), 101020304).encode()
    assert cmpp_wire.LoginRequest.read(body).right("888888")
    assert not cmpp_wire.LoginRequest.read(body).right("888889")


CONNECT = bytes.fromhex(
    "00000027 00000001 00000017 393030303031 90d00c1d517abd0b4f65f6bcf8535d16 30 3cdc73be"
)
CONNECT_RESP = bytes.fromhex("00000021 80000001 00000017 00000000 7942977274098cf210ab0c16c367bc8d 30")
SUBMIT = bytes.fromhex(
    "000000e1 00000004 00000017"  # Total_Length 225, Command_Id, Sequence_Id
    "0000000000000000 01 01 01 01"  # Msg_Id, Pk_total, Pk_number, Registered_Delivery, Msg_level
    "74657374000000000000"  # Service_Id "test"
    "02"  # Fee_UserType
    "3133353030303032363936" + "00" * 21 + "00"  # Fee_terminal_Id, Fee_terminal_type
    "00 00 08"  # TP_pId, TP_udhi, Msg_Fmt
    "393030303031 3032 313000000000"  # Msg_src, FeeType, FeeCode
    "3135313130353133313535353130312b" + "00" + "00" * 17 +  # ValId_Time, At_Time
    "393030303031" + "00" * 15 +  # Src_Id
    "01" "3133353030303032363936" + "00" * 21 + "00"
    "1e 6d4b8bd5" "0067006f0063006d00700070" "0020" "007300750062006d00690074"  # Msg_Length, Msg_Content
    + "00" * 20  # LinkID
)  # fmt: skip
DELIVER = bytes.fromhex(
    "0000007f 00000005 00000001 b4c5530000010000"
    "393030303031" + "00" * 15 + "00" * 10 + "00 00 00"
    "3133343132333430303030" + "00" * 21 + "00 00 12"
    "546869732069732061207465737420 4d4f2e" + "00" * 20
)  # fmt: skip
REPORT = bytes.fromhex(
    "b4c5530000010000 44454c49565244 31353131313230393535 31353131313230393537"
    "3133343132333430303030" + "00" * 21 + "12345678"
)


def body(frame: bytes) -> bytes:
    length, _, _ = read_header(frame[:12])
    assert length == len(frame) - 12
    return frame[12:]


def test_connect() -> None:
    pdu = Connect("900001", DIGEST, 1021080510)
    assert Frame(Command.CONNECT, 0x17, pdu.encode()).encode() == CONNECT
    assert Connect.decode(body(CONNECT)) == pdu
    answer = ConnectResp(0, authenticator_ismg(0, DIGEST, "888888"))
    assert Frame(Command.CONNECT_RESP, 0x17, answer.encode()).encode() == CONNECT_RESP
    assert ConnectResp.decode(body(CONNECT_RESP)) == answer


def test_submit() -> None:
    pdu = Submit(
        msg_src="900001", src_id="900001", destinations=("13500002696",),
        content="测试gocmpp submit".encode("utf-16-be"), msg_level=1, service_id="test", fee_user_type=2,
        fee_terminal_id="13500002696", fee_type="02", fee_code="10", valid_time="151105131555101+",
    )  # fmt: skip
    assert Frame(Command.SUBMIT, 0x17, pdu.encode()).encode() == SUBMIT
    assert Submit.decode(body(SUBMIT)) == pdu


def test_submit_to_many() -> None:
    pdu = Submit("900001", "1069", tuple(f"138000000{n:02d}" for n in range(99)), b"\x00A")
    encoded = pdu.encode()
    assert len(encoded) == 151 + 99 * 32 + 2
    assert Submit.decode(encoded) == pdu
    with pytest.raises(Malformed):
        Submit("900001", "1069", (), b"").encode()
    with pytest.raises(Malformed):
        Submit("900001", "1069", ("1",) * 100, b"").encode()


def test_answers() -> None:
    frame = bytes.fromhex("00000018 80000004 00000017 b2b9da8000010000 00000000")
    pdu = Answer(0xB2B9DA8000010000, 0)
    assert Frame(Command.SUBMIT_RESP, 0x17, pdu.encode()).encode() == frame
    assert Answer.decode(body(frame)) == pdu
    decode_active_test_resp(b"\0")
    decode_active_test_resp(b"")
    with pytest.raises(Malformed):
        decode_active_test_resp(b"\0\0")


def test_deliver_and_report() -> None:
    pdu = Deliver(0xB4C5530000010000, "900001", "13412340000", b"This is a test MO.", msg_fmt=0)
    assert Frame(Command.DELIVER, 1, pdu.encode()).encode() == DELIVER
    assert Deliver.decode(body(DELIVER)) == pdu
    report = Report(0xB4C5530000010000, "DELIVRD", "1511120955", "1511120957", "13412340000", 0x12345678)
    assert report.encode() == REPORT
    assert len(REPORT) == 71
    assert Report.decode(REPORT) == report


def test_a_report_with_the_short_number_of_version_2() -> None:
    """gocmpp, and with it many gateways, send 60 bytes."""
    assert Report.decode(REPORT[:56] + REPORT[-4:]) == Report.decode(REPORT)


def test_text_ends_at_the_first_nul_and_may_be_filled_with_spaces() -> None:
    spaced = bytearray(body(DELIVER))
    spaced[8:29] = b"900001".ljust(21, b" ")
    assert Deliver.decode(bytes(spaced)).dest_id == "900001"
    spaced[8:29] = b"900001\0rubbish".ljust(21, b"x")
    assert Deliver.decode(bytes(spaced)).dest_id == "900001"


def test_limits() -> None:
    for total in (0, 11, 4097, 0xFFFFFFFF):
        with pytest.raises(Malformed, match="Total_Length"):
            read_header(total.to_bytes(4, "big") + bytes(8))
    with pytest.raises(Malformed):
        read_header(b"\0\0\0")
    with pytest.raises(Malformed, match="too long"):
        Submit("900001", "1", ("1",), bytes(141)).encode()
    assert Submit("900001", "1", ("1",), bytes(159), msg_fmt=0).encode()
    wrong = bytearray(body(DELIVER))
    wrong[-39] = 0xFF
    with pytest.raises(Malformed):
        Deliver.decode(bytes(wrong))
    with pytest.raises(Malformed, match="does not fit"):
        Submit("９00001", "1", ("1",), b"").encode()


PDUS = (Connect, ConnectResp, Submit, Answer, Deliver)


@pytest.mark.parametrize("frame", [CONNECT, CONNECT_RESP, SUBMIT, DELIVER])
def test_every_cut_and_every_tail_is_malformed(frame: bytes) -> None:
    kind = {1: Connect, 0x80000001: ConnectResp, 4: Submit, 5: Deliver}[int.from_bytes(frame[4:8], "big")]
    whole = body(frame)
    for end in range(len(whole)):
        with pytest.raises(Malformed):
            kind.decode(whole[:end])
    with pytest.raises(Malformed):
        kind.decode(whole + b"\0")


@given(st.binary(max_size=400))
def test_whatever_the_bytes_nothing_but_malformed_is_raised(data: bytes) -> None:
    for kind in (*PDUS, Report):
        try:
            again = kind.decode(data)
        except Malformed:
            continue
        assert kind.decode(again.encode()) == again or kind is Report


@given(
    st.text(max_size=70),
    st.integers(0, 2**64 - 1),
    st.text("0123456789", min_size=1, max_size=21),
    st.booleans(),
)
def test_what_the_adapter_writes_the_gateway_reads(text: str, msg_id: int, number: str, udhi: bool) -> None:
    """The stand-in's layouts are its own."""
    content = text.encode("utf-16-be", "replace")[:140]
    pdu = Submit(
        "900001", "1069", (number,), content, service_id="HOSP", tp_udhi=int(udhi), pk_total=2, pk_number=1
    )
    read = cmpp_wire.Submitted.read(pdu.encode())
    assert (read.phones, read.content, read.msg_src, read.src_id) == ((number,), content, "900001", "1069")
    assert (read.service_id, read.udhi, read.total, read.number, read.wants_report) == (
        "HOSP",
        udhi,
        2,
        1,
        True,
    )
    down = cmpp_wire.deliver(msg_id, "1069", number, content, 8, udhi=udhi, report=False)
    assert Deliver.decode(down) == Deliver(msg_id, "1069", number, content, tp_udhi=int(udhi))
    told = cmpp_wire.report(msg_id, "DELIVRD", "2611220900", "2611220901", number, 7)
    assert Report.decode(told) == Report(msg_id, "DELIVRD", "2611220900", "2611220901", number, 7)
