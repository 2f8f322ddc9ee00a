"""Numbers in addresses of pages, not longer than those that the database counts.

https://www.starlette.io/routing/#path-parameters. Python refuses to read very long ones, and the
framework's own `int` would take them.
"""

from starlette.convertors import IntegerConvertor, register_url_convertor


class NumberConvertor(IntegerConvertor):
    """Up to nine digits."""

    regex = "[0-9]{1,9}"


NUMBER = "{number:number}"
register_url_convertor("number", NumberConvertor())
