"""The one type in which a person's words travel through the program.

A help-seeker's words must never reach a log line, an exception, a metric or a file
(threats.md, "Controls that are easy to get wrong"). A plain ``str`` gets there by accident;
``MessageText`` raises instead, so that a leak is a crash in a test and not a line in a log.
"""

from __future__ import annotations

from typing import Any, NoReturn


class TextWouldLeak(TypeError):
    """Somebody tried to print, format, compare, pickle or serialise a person's words."""


class MessageText:
    """A person's words. Opened by name (:meth:`reveal`) only where they are needed.

    Raises:
        TextWouldLeak: on ``repr``, ``str``, ``format``, comparison, hashing, iteration, pickling and copying.
    """

    __slots__ = ("_words",)
    _words: str

    def __init__(self, words: str) -> None:
        object.__setattr__(self, "_words", words)

    def reveal(self) -> str:
        """The words themselves. Every caller of this is a place an auditor reads."""
        return self._words

    def _refuse(self, *_: Any) -> NoReturn:
        raise TextWouldLeak("a message text may not be shown, stored or compared")

    __repr__ = __str__ = __format__ = __bytes__ = _refuse
    __eq__ = __ne__ = __hash__ = __iter__ = __getitem__ = __contains__ = _refuse
    __reduce__ = __reduce_ex__ = __getstate__ = __copy__ = __deepcopy__ = _refuse
    __setattr__ = __delattr__ = _refuse

    def __len__(self) -> int:
        """Length in UTF-16 code units, which is what the provider counts."""
        return len(self.reveal().encode("utf-16-le", "surrogatepass")) // 2

    def __bool__(self) -> bool:
        return bool(self.reveal())
