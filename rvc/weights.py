"""The weights that the program can use and does not carry: where each comes from, and how to know it again.

The `config.json` of an encoder is not fetched: it ships with the program, in `configs/encoders`.
Facts from public manifests.  A size or a hash that is not known is None and is never guessed: whoever downloads such
a file shows what arrived and asks.  A revision pins the content; "main" is written where none is known.
"""
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

HUB = "https://huggingface.co"
RVC, RVC_REVISION = "lj1995/VoiceConversionWebUI", "e6d0c1a17da07c33557852f9dfa2bd44cc75737d"
APPLIO = "IAHispano/Applio"
SUFFIXES = {".pt", ".pth", ".bin", ".safetensors"}  # of a file of weights


@dataclass(frozen=True)
class WeightFile:
    """One file of a repository.  bytes, sha256: None where no manifest tells them."""

    path: str
    sha256: str | None = None
    bytes: int | None = None

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass(frozen=True)
class Weight:
    """Files that are of use only together.  purpose: completes "needed for …"; licence: as the repository declares."""

    repository: str
    revision: str
    files: tuple[WeightFile, ...]
    purpose: str
    licence: str = "MIT"

    def url(self, file: WeightFile, hub: str = HUB) -> str:
        """The address of one file; hub: the base address of a mirror."""
        return f"{hub}/{self.repository}/resolve/{self.revision}/{file.path}"


def paths(pretrained: Path, id: str) -> list[Path]:
    """Where the files of a weight belong: pretrained/<id>/<file>."""
    return [pretrained / id / file.name for file in WEIGHTS[id].files]


def usable(pretrained: Path, id: str) -> bool:
    """Whether the folder of a weight holds one, be it the published file or a person's own."""
    return any(path.suffix in SUFFIXES for path in (pretrained / id).glob("*"))


def _rvc(purpose: str, *files: WeightFile) -> Weight:
    return Weight(RVC, RVC_REVISION, files, purpose)


def _applio(purpose: str, *files: WeightFile) -> Weight:
    return Weight(APPLIO, "main", files, purpose)


def _encoder(name: str) -> Weight:
    folder = f"Resources/embedders/{name}"
    return _applio(f"voices trained with another content encoder than ContentVec: {name}",
                   WeightFile(f"{folder}/pytorch_model.bin"))


def _pretrained() -> Iterator[tuple[str, Weight]]:
    """A generator and its discriminator for each version, pitch use and sample rate."""
    for (version, f0, khz), (g, d) in _HASHES.items():
        folder = "pretrained_v2" if version == 2 else "pretrained"
        prefix, suffix = ("f0", "") if f0 else ("", "-without-pitch")
        yield f"rvc-v{version}-{khz}k{suffix}", _rvc(
            f"training RVC v{version} voices at {khz} kHz{suffix.replace('-', ' ')}",
            WeightFile(f"{folder}/{prefix}G{khz}k.pth", g), WeightFile(f"{folder}/{prefix}D{khz}k.pth", d))


_HASHES = {  # (RVC version, with pitch, kHz): SHA-256 of the generator, of the discriminator
    (2, True, 32): ("2332611297b8d88c7436de8f17ef5f07a2119353e962cd93cda5806d59a1133d",
                    "bd7134e7793674c85474d5145d2d982e3c5d8124fc7bb6c20f710ed65808fa8a"),
    (2, True, 40): ("3b2c44035e782c4b14ddc0bede9e2f4a724d025cd073f736d4f43708453adfcb",
                    "6b6ab091e70801b28e3f41f335f2fc5f3f35c75b39ae2628d419644ec2b0fa09"),
    (2, True, 48): ("b5d51f589cc3632d4eae36a315b4179397695042edc01d15312e1bddc2b764a4",
                    "2269b73c7a4cf34da09aea99274dabf99b2ddb8a42cbfb065fb3c0aa9a2fc748"),
    (2, False, 32): ("869b26a47f75168d6126f64ac39e6de5247017a8658cfd68aca600f7323efb9f",
                     "d8043378cc6619083d385f5a045de09b83fb3bf8de45c433ca863b71723ac3ca"),
    (2, False, 40): ("a3843da7fde33db1dab176146c70d6c2df06eafe9457f4e3aa10024e9c6a4b69",
                     "471378e894e7191f89a94eda8288c5947b16bbe0b10c3f1f17efdb7a1d998242"),
    (2, False, 48): ("2e2b1581a436d07a76b10b9d38765f64aa02836dc65c7dee1ce4140c11ea158b",
                     "db01094a93c09868a278e03dafe8bb781bfcc1a5ba8df168c948bf9168c84d82"),
    (1, True, 32): ("285f524bf48bb692c76ad7bd0bc654c12bd9e5edeb784dddf7f61a789a608574",
                    "294db3087236e2c75260d6179056791c9231245daf5d0485545d9e54c4057c77"),
    (1, True, 40): ("9115654aeef1995f7dd3c6fc4140bebbef0ca9760bed798105a2380a34299831",
                    "7d4f5a441594b470d67579958b2fd4c6b992852ded28ff9e72eda67abcebe423"),
    (1, True, 48): ("78bc9cab27e34bcfc194f93029374d871d8b3e663ddedea32a9709e894cc8fe8",
                    "1b84c8bf347ad1e539c842e8f2a4c36ecd9e7fb23c16041189e4877e9b07925c"),
}

WEIGHTS: Mapping[str, Weight] = MappingProxyType({
    "rmvpe": _rvc(
        "the pitch method rmvpe",
        WeightFile("rmvpe.pt", "6d62215f4306e3ca278246188607209f09af3dc77ed4232efdd069798c4ec193", 181_184_272)),
    "contentvec": _applio(
        "nearly every voice: the content encoder ContentVec",
        WeightFile("Resources/embedders/contentvec/pytorch_model.bin",
                   "d8dd400e054ddf4e6be75dab5a2549db748cc99e756a097c496c099f65a4854e")),
    "hubert_base": _rvc(
        "ContentVec in half precision, half the size",
        WeightFile("hubert_base/pytorch_model.bin",
                   "cc8c20f4b90a520757260197a3ff2505705a7adbd20ad9eeaa4e1a9b38442ef5")),
    "hubert_base_fairseq": _rvc(
        "ContentVec in the format of fairseq, as older programs have it",
        WeightFile("hubert_base.pt", "f54b40fd2802423a5643779c4861af1e9ee9c1564dc9d32f54f20b5ffba7db96", 189_507_909)),
    "fcpe": _applio(
        "the pitch method fcpe where the package torchfcpe does not bring its own weights",
        WeightFile("Resources/predictors/fcpe.pt")),
    "spin": _encoder("spin"),
    "spin-v2": _encoder("spin-v2"),
    "chinese-hubert-base": _encoder("chinese_hubert_base"),
    "japanese-hubert-base": _encoder("japanese_hubert_base"),
    "korean-hubert-base": _encoder("korean_hubert_base"),
    **dict(_pretrained()),
    **{f"refinegan-{khz}k": _applio(
        f"training RefineGAN voices at {khz} kHz",
        WeightFile(f"Resources/refinegan/f0G{khz}k.pth"), WeightFile(f"Resources/refinegan/f0D{khz}k.pth"))
       for khz in (24, 32)},
})
"""Weight by id, those that conversion needs first."""

ESSENTIAL = ("contentvec", "rmvpe")
"""Ids without which hardly a voice can be converted."""
