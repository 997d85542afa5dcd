"""Samples as lines: the text that is the same in Prometheus' format and in OpenMetrics."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import lru_cache

from prometheus_client.utils import floatToGoString

LONGEST_LABEL = 128
"""What a BMC calls a thing can be as long as it likes; a label is cut here."""

_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


def labels(**values: str | None) -> str:
    """The labels as they stand between braces; one without a value is left out, as an empty one means the same."""
    return ",".join(f'{name}="{escaped(value)}"' for name, value in values.items() if value)


@lru_cache(maxsize=1 << 14)
def escaped(value: str) -> str:
    """A label's value, cut, and without what no text in UTF-8 has. Kept: a fleet's sensors share their names."""
    return value[:LONGEST_LABEL].encode(errors="replace").decode().translate(_ESCAPES)


class Lines:
    """Lines of samples by the name of their metric: a format wants those of one name together."""

    def __init__(self, instance: str, server: str) -> None:
        """instance: what each sample has, the exporters' too. server: what our own have besides."""
        self._theirs = labels(instance=instance)
        self._ours = labels(instance=instance, server=server)
        self._lines: defaultdict[str, list[str]] = defaultdict(list)

    def add(self, name: str, value: float, more: str = "") -> None:
        """One sample. more: labels of its own, as `labels` gives them."""
        about = self._ours if name.startswith("oobctl_") else self._theirs
        comma = "," if more else ""
        number = floatToGoString(value)  # type: ignore[no-untyped-call]
        self._lines[name].append(f"{name}{{{about}{comma}{more}}} {number}\n")

    def add_known(self, name: str, value: float | None, more: str = "") -> None:
        """One sample, where there is a value."""
        if value is not None:
            self.add(name, value, more)

    def together(self) -> dict[str, str]:
        """Per name all its lines, as one text."""
        return {name: "".join(lines) for name, lines in self._lines.items()}


def text_of(help_texts: Mapping[str, str], parts: Mapping[str, list[str]], piece: int = 1 << 16) -> Iterator[str]:
    """Gauges in the order of their help texts, in pieces of about so many characters."""
    held: list[str] = []
    size = 0
    for name, help_text in help_texts.items():
        if name not in parts:
            continue
        for part in (f"# HELP {name} {help_text}\n# TYPE {name} gauge\n", *parts[name]):
            held.append(part)
            size += len(part)
            if size >= piece:
                yield "".join(held)
                held, size = [], 0
    yield "".join(held)
