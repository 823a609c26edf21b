"""Names for files that are no picture this program reads: what each seems to be by its content, and what to do."""

from __future__ import annotations

import re
from typing import Final

SUPPORTED: Final = "PNG, JPEG, WebP, TIFF, BMP, GIF, HEIC, AVIF"
RAW: Final = "it is a camera's raw file, and its preview is not the photograph; develop it first, and give the TIFF, PNG or JPEG"

_CONVERT: Final = "convert it to PNG"

_RAW: Final = re.compile(
    rb"II[*]\0....CR\x02|II[*]\0....IIII|MM\0[*]....MMMM|FUJIFILMCCD-RAW|IIRO|IIRS|MMOR|IIU\0|FOVb|\0MRM|II\x1a\0....HEAPCCDR"
    rb"|....ftypcrx ",
    re.DOTALL,
)
"""Canon CR2, Phase One IIQ, Fuji RAF, Olympus ORF, Panasonic RW2, Sigma X3F, Minolta MRW, Canon CRW and CR3."""

_BEFORE: Final = rb"\s*(?:<\?[^>]*>\s*|<!--(?:(?!-->).)*-->\s*)*"
"""The beginning of XML up to its first element: a declaration, comments."""

_KINDS: Final[tuple[tuple[re.Pattern[bytes], str, str], ...]] = tuple(
    (re.compile(pattern, re.DOTALL | re.IGNORECASE), name, advice)
    for pattern, name, advice in (
        (
            rb"version https://git-lfs\.github\.com",
            "a pointer of Git LFS, not the picture itself,",
            "fetch it with `git lfs pull`",
        ),
        (rb"\0\x05\x16[\x07\0]", "a macOS file of attributes (._name), not the picture itself,", "give the file without ._"),
        (rb"\0\0\0\x0cJXL \r\n\x87\n|\xff\x0a", "JPEG XL", _CONVERT),
        (rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51", "JPEG 2000", _CONVERT),
        (rb"II\xbc\x01", "JPEG XR", _CONVERT),
        (
            rb"....ftyp(?:isom|iso[2-9]|mp4|avc|M4V|qt  |3gp|dash)|\x1aE\xdf\xa3|RIFF....AVI ",
            "a video",
            "give a still picture from it",
        ),
        (rb"8BPS|8BPB", "a Photoshop file (PSD)", _CONVERT),
        (rb"gimp xcf", "a GIMP file (XCF)", "export it as PNG"),
        (rb"PK\x03\x04.{26}mimetype(?:image/openraster|application/x-krita)", "a file of a painting program", "export it as PNG"),
        (rb"PK\x03\x04|Rar!|7z\xbc\xaf|\x1f\x8b|BZh|\xfd7zXZ", "an archive", "unpack it, and give the picture"),
        (rb"%PDF", "PDF", _CONVERT),
        (rb"%!PS|\xc5\xd0\xd3\xc6", "PostScript", _CONVERT),
        (rb"\0\0\x01\0[^\0]\0", "an icon (ICO)", _CONVERT),
        (rb"\0\0\x02\0[^\0]\0", "a cursor (CUR)", _CONVERT),
        (rb"icns", "an icon (ICNS)", _CONVERT),
        (rb"\x76\x2f\x31\x01", "OpenEXR", _CONVERT),
        (rb"#\?(?:RADIANCE|RGBE)", "Radiance HDR", _CONVERT),
        (rb"DDS ", "DDS", _CONVERT),
        (rb"qoif", "QOI", _CONVERT),
        (rb"P[1-7fF][\s#]", "Netpbm (PPM)", _CONVERT),
        (rb"\x0a[\0-\x05]\x01[\x01\x02\x04\x08]", "PCX", _CONVERT),
        (rb"SIMPLE  =", "FITS", _CONVERT),
        (rb".{128}DICM", "DICOM", _CONVERT),
        (rb"AT&TFORM", "DjVu", _CONVERT),
        (rb"BPG\xfb", "BPG", _CONVERT),
        (rb"\x01\0\0\0.{36} EMF|\xd7\xcd\xc6\x9a", "a Windows metafile (WMF, EMF)", _CONVERT),
        (rb"\xd0\xcf\x11\xe0", "a file of Windows or Office (as Thumbs.db)", "give the picture itself"),
        (rb"\.?PNG\r?\n|\x89PNG", "a PNG that was changed on its way, as if it were text,", "copy or download it again"),
        (rb"\s*data:image/", "text, a picture in Base64,", "decode it to a file first"),
        (_BEFORE + rb"(?:<!DOCTYPE\s+svg|<svg)", "SVG", _CONVERT),
        (
            _BEFORE + rb"<(?:!DOCTYPE\s+html|html|head|body)",
            "a web page",
            "download the picture itself",
        ),
    )
)


def is_raw(data: bytes) -> bool:
    """Return whether a file is a camera's raw file by its first bytes; those that are TIFFs tell it in their tags."""
    return _RAW.match(data[:64]) is not None


def seeming(data: bytes) -> str:
    """Return what a file seems to be that has none of the supported formats, and what to do, as a clause."""
    start = data[:4096].removeprefix(b"\xef\xbb\xbf")
    for pattern, name, advice in _KINDS:
        if pattern.match(start) is not None:
            return f"{name} is not one of {SUPPORTED}; {advice}"
    at = start.find(b"\xff\xd8\xff")
    if at > 0 and start[:at].isascii():
        return f"{at} bytes of something else stand before a JPEG; copy or download it again"
    if not any(data[:4096]):
        return "it holds nothing but zero bytes; copy or download it again"
    name = "text" if _is_text(start) else "this kind of file"
    return f"{name} is not one of {SUPPORTED}; {_CONVERT if name != 'text' else 'give a picture'}"


def _is_text(start: bytes) -> bool:
    """True for what reads as text: no control characters but white space, in UTF-8 or with UTF-16's mark."""
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    try:
        text = start[:512].decode("utf-8")
    except UnicodeDecodeError as error:
        text = start[: error.start].decode("utf-8") if error.start > 500 else "\0"
    return all(letter >= " " or letter in "\t\r\n\f" for letter in text)
