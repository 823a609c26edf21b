"""Names, conventions, imports and verification."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from impasto.errors import OutputError, UnknownName, WeightsError
from impasto.vgg import recognize, weights
from impasto.vgg.verify import CHECK_VALUES, activations, checks, synthetic_picture
from impasto.vgg.weights import CONVENTIONS, Weights


def test_the_embedded_network_has_the_check_values(genuine: Weights) -> None:
    found = dict(activations(genuine, synthetic_picture()))
    assert list(found) == list(CHECK_VALUES)
    for layer, expected in CHECK_VALUES.items():
        x = found[layer]
        assert [float(x.mean()), float(x.std()), float(x.max())] == pytest.approx(expected, rel=1e-3), layer


def test_the_features_of_the_program_have_the_check_values(genuine: Weights) -> None:
    from impasto.vgg import Vgg

    found = Vgg(genuine).features(synthetic_picture() / 255, CHECK_VALUES)
    for layer, (mean, _, largest) in CHECK_VALUES.items():
        assert float(found[layer].mean()) == pytest.approx(mean, rel=1e-3), layer
        assert float(found[layer].max()) == pytest.approx(largest, rel=1e-3), layer


def test_the_embedded_network_names_its_origin(genuine: Weights) -> None:
    assert genuine.convention == CONVENTIONS["caffe"]
    assert genuine.notes["license"] == "CC BY 4.0"
    assert "Simonyan" in genuine.notes["attribution"]
    assert genuine.notes["source_sha256"] == "bde7da0dfd621cbf86e11ce04e4946a9a42634c2cfd21318bba090d860699e35"


@pytest.mark.parametrize("damage", ["turned channels", "one layer", "other convention", "other mean"])
def test_verification_finds_damage_that_leaves_all_shapes_right(genuine: Weights, damage: str) -> None:
    tensors, convention = dict(genuine.tensors), genuine.convention
    match damage:
        case "turned channels":
            tensors["conv1_1.weight"] = tensors["conv1_1.weight"].flip(1)
        case "one layer":
            tensors["conv5_4.weight"] = tensors["conv5_3.weight"]
        case "other convention":
            convention = CONVENTIONS["torchvision"]
        case "other mean":
            convention = dataclasses.replace(convention, mean=(0.0, 0.0, 0.0))
    damaged = dataclasses.replace(genuine, tensors=tensors, convention=convention)
    with pytest.raises(WeightsError, match=r"check values: .* should be"):
        weights.verify(damaged)


def test_the_widely_copied_transposition_is_found(genuine: Weights) -> None:
    """With every kernel turned, none is Oxford's any more, yet all shapes are right and every layer answers."""
    tensors = {key: t.transpose(2, 3) if t.ndim == 4 else t for key, t in genuine.tensors.items()}
    with pytest.raises(WeightsError, match="check values"):
        weights.verify(dataclasses.replace(genuine, tensors=tensors))


@pytest.mark.parametrize(("value", "words"), [(float("nan"), "NaN"), (float("inf"), "infinity"), (0.0, "plausible")])
def test_verification_finds_bad_numbers(write: SimpleNamespace, genuine: Weights, value: float, words: str) -> None:
    from impasto.vgg.architecture import VGG16

    tensors = write.placeholder()
    tensors["conv4_2.weight"] = torch.tensor(value).expand(512, 512, 3, 3)
    tensors["conv4_2.bias"] = torch.tensor(value).expand(512)
    with pytest.raises(WeightsError, match=words):
        weights.verify(dataclasses.replace(genuine, architecture=VGG16, tensors=tensors))


def test_verification_finds_missing_tensors(genuine: Weights) -> None:
    tensors = {key: tensor for key, tensor in genuine.tensors.items() if key != "conv3_1.bias"}
    done = checks(dataclasses.replace(genuine, tensors=tensors))
    assert [(check.name, check.passed) for check in done] == [("complete", False), ("finite", True)]


@pytest.mark.parametrize(
    ("name", "convention"),
    [
        ("vgg16-397923af.pth", "torchvision"),
        ("vgg19-dcbb9e9d (1).pth", "torchvision"),
        ("vgg16-00b39a1b.pth", "caffe"),
        ("vgg19-d01eb7cb.pth", "caffe"),
        ("VGG16_Caffe.pth", "caffe"),
    ],
)
def test_a_name_tells_the_convention(tmp_path: Path, write: SimpleNamespace, name: str, convention: str) -> None:
    write.pth(tmp_path / name, write.placeholder())
    assert weights.load(tmp_path / name).convention == CONVENTIONS[convention]


def test_a_hash_tells_the_convention_over_a_name(tmp_path: Path, write: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "torchvision.pth"
    write.pth(path, write.placeholder())
    monkeypatch.setitem(recognize.KNOWN, weights.file_sha256(path)[:8], "caffe")
    assert weights.load(path).convention == CONVENTIONS["caffe"]


def test_oxfords_numbers_tell_the_convention_over_a_name(file: Path, write: SimpleNamespace, genuine: Weights) -> None:
    path = file.with_name("torchvision.pth")
    write.pth(path, {key: tensor.half() for key, tensor in write.turned(genuine.tensors).items()})
    assert weights.load(path).convention == CONVENTIONS["matconvnet"]
    path.unlink()


def test_without_any_sign_the_option_is_asked_for_and_obeyed(tmp_path: Path, write: SimpleNamespace) -> None:
    path = tmp_path / "mine.pth"
    write.pth(path, write.placeholder())
    with pytest.raises(WeightsError, match=r"--convention torchvision .* --convention caffe"):
        weights.load(path)
    assert weights.load(path, convention="torchvision").convention == CONVENTIONS["torchvision"]
    with pytest.raises(UnknownName, match="did you mean caffe"):
        weights.load(path, convention="cafe")


def test_a_wrong_name_proposes_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean vgg19"):
        weights.load("vgg18")
    with pytest.raises(WeightsError, match="there is no weights file"):
        weights.load("vgg18.pth")


def test_an_imported_network_is_found_by_name_and_is_the_same(tmp_path: Path, write: SimpleNamespace) -> None:
    path = tmp_path / "my vgg-16.pth"
    write.pth(path, write.placeholder())
    original = weights.load(path, convention="torchvision")
    kept = weights.import_file(path, convention="torchvision")
    path.unlink()
    assert weights.names() == ["vgg19", "my-vgg-16"]
    found = weights.load("my-vgg-16")
    assert kept == weights.data_dir() / "my-vgg-16.safetensors"
    assert found.convention == original.convention
    assert found.architecture == original.architecture
    assert found.notes["source_sha256"] == original.sha256
    assert found.source == "my vgg-16.pth"
    assert all(torch.equal(found.tensors[key], original.tensors[key]) for key in original.tensors)
    assert [item.name for item in kept.parent.iterdir()] == [kept.name]


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "a b"])
def test_a_name_stays_in_the_data_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(WeightsError, match="cannot name a network"):
        weights.import_file(tmp_path / "a.pth", name=name)


def test_a_taken_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="vgg19 comes with impasto; choose another name"):
        weights.import_file(tmp_path / "vgg19.pth")
    weights.data_dir().mkdir()
    (weights.data_dir() / "b.safetensors").touch()
    with pytest.raises(WeightsError, match="already imported"):
        weights.import_file(tmp_path / "b.pth")


def test_what_does_not_verify_is_not_imported(tmp_path: Path, write: SimpleNamespace) -> None:
    tensors = write.placeholder()
    tensors["conv1_1.bias"] = torch.tensor(float("nan")).expand(64)
    write.pth(tmp_path / "bad.pth", tensors)
    with pytest.raises(WeightsError, match="NaN"):
        weights.import_file(tmp_path / "bad.pth", convention="caffe")
    assert weights.names() == ["vgg19"]


def test_a_data_folder_that_is_a_file_is_an_output_error(
    tmp_path: Path, write: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "blocked").touch()
    monkeypatch.setenv("IMPASTO_DATA", str(tmp_path / "blocked"))
    write.pth(tmp_path / "a.pth", write.placeholder())
    with pytest.raises(OutputError):
        weights.import_file(tmp_path / "a.pth", convention="caffe")


def test_a_later_canonical_form_is_refused(tmp_path: Path, genuine: Weights) -> None:
    from impasto.vgg.formats.safetensors import canonical_bytes

    data = canonical_bytes(dataclasses.replace(genuine, source="x"), dtype=torch.float16)
    for old, new, words in (
        (b"impasto-vgg 1", b"impasto-vgg 2", "this version of impasto reads"),
        (b'"channels":"BGR"', b'"channels":"GBR"', "does not describe its input"),
        (b'"std":"1,1,1"', b'"std":"1,1,a"', "does not describe its input"),
    ):
        (tmp_path / "a").write_bytes(data.replace(old, new, 1))
        with pytest.raises(WeightsError, match=words):
            weights.load(tmp_path / "a")
    (tmp_path / "a").unlink()


def test_the_page_on_weights_states_the_hashes_and_check_values(genuine: Weights) -> None:
    page = (Path(__file__).parents[2] / "docs" / "weights.md").read_text(encoding="utf-8")
    assert genuine.sha256 in page
    assert genuine.notes["source_sha256"] in page
    for layer, (mean, std, largest) in CHECK_VALUES.items():
        assert f"| {layer} | {mean:.5f} | {std:.5f} | {largest:.4f} |" in page


def test_a_user_without_a_home_has_the_embedded_network_and_is_told_where_others_may_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "data_folder", lambda: None)
    assert weights.names() == ["vgg19"]
    assert weights.load("vgg19").architecture.name == "vgg19"
    with pytest.raises(OutputError, match="no home folder to keep networks in; set IMPASTO_DATA to a folder"):
        weights.import_file(tmp_path / "a.pth")
    with pytest.raises(UnknownName, match="did you mean vgg19"):
        weights.load("vgg18")
