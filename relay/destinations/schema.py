"""The base of the settings of every kind.  It is apart because lists of commands need no marshmallow."""

from __future__ import annotations

from marshmallow import RAISE, Schema


class ConfigSchema(Schema):
    """Base of every kind's settings.

    A field's ``metadata`` is for the form: ``label``, ``help``, ``placeholder``, ``secret``
    (encrypted at rest, write-only), ``widget`` (``text``, ``url``, ``textarea``, ``select``,
    ``headers`` (a textarea for code), ``number``), ``template`` (a Liquid template, checked on saving), ``choices`` as
    ``[(value, label)]``, ``shown_if`` as ``{field: value}``, ``advanced`` for rarely used settings,
    ``group`` for a heading above the first setting of a group, ``rows`` for the height of a textarea,
    ``server`` if the setting says, as a URL does, which server gets the secrets.
    """

    class Meta:
        unknown = RAISE
