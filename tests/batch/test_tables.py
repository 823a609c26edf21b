"""Tables as spreadsheets and programs of all kinds write them give the same rows; what is wrong is said with its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from impasto.batch import Row, of_table
from impasto.errors import InvalidSettings, UnreadableImage

TWO = [
    ("a.png", ("x.png", "y.png:0.3"), "one", {"style_weight": "0.3"}),
    ("b.png", ("x.png",), "b_x", {}),
]


def rows(path: Path, data: bytes | str) -> list[Row]:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return of_table(path)


def facts(found: list[Row]) -> list[tuple[str, tuple[str, ...], str, dict[str, object]]]:
    return [
        (Path(row.content).name, tuple(Path(style).name for style in row.styles), row.name, dict(row.settings)) for row in found
    ]


@pytest.mark.parametrize(
    "text",
    [
        "content,style,out,style_weight\na.png,x.png;y.png:0.3,one,0.3\nb.png,x.png,,\n",
        'content;style;out;style_weight\na.png;"x.png;y.png:0.3";one;0.3\nb.png;x.png;;\n',
        "content\tstyle\tout\tstyle_weight\na.png\tx.png;y.png:0.3\tone\t0.3\nb.png\tx.png\n",
        'sep=;\nContent;Style;Out;Style Weight\na.png;"x.png;y.png:0.3";one;0.3\nb.png;x.png;;\n',
        "\n , Content ,STYLE, Out ,Style-Weight,\n,,,,,\n,a.png , x.png; y.png:0.3,one,0.3,\n,,,,,\n,b.png,x.png,,,\n,,,,,\n",
        '"content","style","out","style_weight"\n"a.png","x.png;y.png:0.3","one","0.3"\n"b.png","x.png","",""',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_separators_headers_encodings_and_empty_rows_do_not_matter(tmp_path: Path, text: str, encoding: str, ends: str) -> None:
    assert facts(rows(tmp_path / "rows.csv", text.replace("\n", ends).encode(encoding))) == TWO


@pytest.mark.parametrize("form", ["lines", "list", "pretty"])
def test_objects_are_one_a_line_or_over_lines_or_a_list(tmp_path: Path, form: str) -> None:
    objects = [
        {"Content": "a.png", "style": ["x.png", "y.png:0.3"], "out": "one", "Style-Weight": "0.3"},
        {"content": "b.png", "style": "x.png"},
    ]
    text = {
        "lines": "\ufeff" + "\r\n\r\n".join(json.dumps(one) for one in objects) + "\r\n",
        "list": json.dumps(objects),
        "pretty": "\n".join(json.dumps(one, indent=2) for one in objects),
    }[form]
    assert facts(rows(tmp_path / "rows.jsonl", text)) == TWO


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("content,style\na.png,x.png\na,b.png,x.png\n", "line 3 has more fields"),
        ("content,style,strength\na.png,x.png,\na.png,x.png,\n\nb.png\n", "line 5: expected a content and a style"),
        ("content,style,style\na.png,x.png,y.png\n", "line 1: the column style is there twice"),
        ("content,style,style-weight,style_weight\na.png,x.png,1,2\n", "the column style_weight is there twice"),
        ("content,style,colour\na.png,x.png,style\n", "line 2: there is no setting 'colour'"),
        ("content;style;strength\na.png;x.png;0,3\n", "line 2: strength is written with a comma, 0,3; write 0.3"),
        ('content;style\na.png;"x.png;y.png:0,3"\n', r"line 2: the weight of the style .* write 0\.3"),
        ("content,style\na.png,x.png:0\n", "line 2: the weight of the style"),
        ('content,style\na.png,"x.png\nb.png,x.png\n', "cannot be read: .*check its quotes"),
        ("content,style\n,,\n", "no rows"),
        ("a.png,x.png\n", "line 1: expected a header with the columns content and style, got 'a.png, x.png'"),
        ("content,style,out\na.png,x.png,/etc/x\n", "line 2: out is a name within"),
    ],
)
def test_what_is_wrong_in_a_csv_is_said_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InvalidSettings, match=said):
        rows(tmp_path / "rows.csv", text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"content": "a.png", "style": "x.png"}\n{half\n', "line 2 is no JSON"),
        ('{"content": "a.png",\n "style": }\n', "line 2 is no JSON"),
        ('{"content": "a.png", "style": "x.png"}\n5\n', "line 2: expected an object"),
        ('[{"content": "a.png", "style": "x.png"}, 5]', "entry 2: expected an object"),
        ('{"content": "a.png", "style": "x.png", "seed": 1, "seed": 2}', "seed is there twice"),
        ('{"content": "a.png", "style": "x.png", "style-weight": 1, "style_weight": 2}', "two spellings"),
        ("[" * 100_000, "line 1 is no JSON"),
    ],
)
def test_what_is_wrong_in_json_is_said_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InvalidSettings, match=said):
        rows(tmp_path / "rows.jsonl", text)


def test_a_table_in_an_old_code_page_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImage, match=r"line 2 .*save it as UTF-8"):
        rows(tmp_path / "rows.csv", "content,style\ncafé.png,x.png\n".encode("cp1252"))


def test_a_style_whose_name_has_a_semicolon_is_one_where_it_is_there(tmp_path: Path) -> None:
    (tmp_path / "x;y.png").write_bytes(b"x")
    (row,) = rows(tmp_path / "rows.csv", "content,style\na.png,x;y.png\n")
    assert [Path(style).name for style in row.styles] == ["x;y.png"]


def test_names_without_unicode_come_back_from_json(tmp_path: Path) -> None:
    (row,) = rows(tmp_path / "rows.jsonl", r'{"content": "caf\udce9.png", "style": "x.png"}')
    assert (Path(row.content).name, row.name) == ("caf\udce9.png", "caf\udce9_x")
