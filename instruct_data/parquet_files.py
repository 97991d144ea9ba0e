"""Parquet files whose images lie in their rows, with the schema that `datasets` and the Hub's viewer read them by."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import is_dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from georsmllm.errors import MissingExtra

from .export_job import Hashed, Job

if TYPE_CHECKING:
    import pyarrow as pa

Row = TypeVar("Row")
MOST_BYTES = 500_000_000
"""Of one file, about; the Hub's own converter writes files of this size."""

_GROUP_ROWS = 100
_GROUP_BYTES = 32_000_000  # images are held until their row group is written


def require(purpose: str) -> None:
    """Raises MissingExtra where pyarrow is not installed."""
    if find_spec("pyarrow") is None:
        raise MissingExtra("pyarrow", "export", purpose)


def schema(*fields: tuple[str, pa.DataType]) -> pa.Schema:
    """The columns, and what they are to `datasets`: a struct of bytes and path is an image."""
    import pyarrow as pa

    found = pa.schema([pa.field(name, type_) for name, type_ in fields])
    features = {name: _feature(type_) for name, type_ in fields}
    return found.with_metadata({"huggingface": msgspec.json.encode({"info": {"features": features}})})


def image_type() -> pa.DataType:
    import pyarrow as pa

    return pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def type_of(hint: object) -> pa.DataType:
    """The Arrow type of a field of our frozen values: of a dataclass a struct, of any tuple a list."""
    import pyarrow as pa

    plain = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    if isinstance(hint, type) and hint in plain:
        return plain[hint]
    if get_origin(hint) is Literal:
        return pa.string()
    if get_origin(hint) is tuple:
        return pa.list_(type_of(get_args(hint)[0]))
    assert isinstance(hint, type) and is_dataclass(hint), hint
    return pa.struct([(name, type_of(its)) for name, its in get_type_hints(hint).items()])


def _feature(type_: pa.DataType) -> object:
    """A list is written as [element], which every version of `datasets` reads."""
    import pyarrow as pa

    if type_ == image_type():
        return {"_type": "Image"}
    if pa.types.is_list(type_):
        return [_feature(type_.value_type)]
    if pa.types.is_struct(type_):
        return {field.name: _feature(field.type) for field in type_}
    return {"dtype": {"double": "float64"}.get(str(type_), str(type_)), "_type": "Value"}


def write(
    out: Hashed,
    rows: Iterator[Row],
    columns: pa.Schema,
    to_table: Callable[[list[Row]], pa.Table],
    size: Callable[[Row], int],
) -> None:
    """All rows in row groups that a viewer reads one at a time. size: bytes of a row, about."""
    import pyarrow.parquet as pq

    with pq.ParquetWriter(out, columns, compression="zstd", use_dictionary=False, write_page_index=True) as file:
        group: list[Row] = []
        held = 0
        for row in rows:
            group.append(row)
            held += size(row)
            if len(group) == _GROUP_ROWS or held > _GROUP_BYTES:
                file.write_table(to_table(group))
                group, held = [], 0
        if group:
            file.write_table(to_table(group))


def embedded(job: Job, paths: Sequence[str]) -> list[dict[str, bytes | str | None]]:
    """The images of a row, as bytes with their path; the path alone where images stay in the set."""
    return [{"bytes": None if job.images == "none" else job.image_bytes(path), "path": path} for path in paths]


def hub_head(job: Job) -> str:
    """The YAML that the Hub reads: which files are which split."""
    import yaml

    files = [{"split": split, "path": f"data/{split}-*.parquet"} for split in job.splits]
    head = {
        "license": "other",
        "task_categories": ["image-text-to-text"],
        "tags": ["geospatial", "remote-sensing"],
        "configs": [{"config_name": "default"} | ({"data_files": files} if files else {})],
    }
    return f"---\n{yaml.safe_dump(head, sort_keys=False, allow_unicode=True)}---\n\n"
