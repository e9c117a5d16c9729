"""Published settings that `anabranch reproduce NAME` runs again; nothing is imported before it is asked for."""

REPRODUCTIONS: dict[str, str] = {}
"""The module that holds each one as `REPRODUCTION`."""
