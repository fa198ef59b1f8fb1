"""A carrier's short-message gateway over CMPP 3.0 (中国移动通信互联网短信网关接口协议 V3.0), written from the standard.

The protocol is plain TCP and its login a salted MD5: it belongs on the carrier's leased line or in a VPN, never on the open net.
"""
