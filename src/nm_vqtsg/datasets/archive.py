"""The UCR Time Series Archive of 2018: names, sizes and digests.

Sizes are those of the archive's own `DataSummary.csv` (Dau et al., IEEE/CAA J. Autom. Sinica 6(6), 2019). This
module loads neither NumPy nor torch, so that parameters can be checked quickly.
"""

import re
from typing import NamedTuple

from nm_vqtsg.errors import DataError


class Size(NamedTuple):
    """Size of a data set as the archive ships it; `length` is None where the lengths vary."""

    n_train: int
    n_test: int
    length: int | None
    n_classes: int


# name, series in TRAIN, series in TEST, length (0: varies), classes
_SIZES = """
ACSF1 100 100 1460 10
Adiac 390 391 176 37
AllGestureWiimoteX 300 700 0 10
AllGestureWiimoteY 300 700 0 10
AllGestureWiimoteZ 300 700 0 10
ArrowHead 36 175 251 3
BME 30 150 128 3
Beef 30 30 470 5
BeetleFly 20 20 512 2
BirdChicken 20 20 512 2
CBF 30 900 128 3
Car 60 60 577 4
Chinatown 20 343 24 2
ChlorineConcentration 467 3840 166 3
CinCECGTorso 40 1380 1639 4
Coffee 28 28 286 2
Computers 250 250 720 2
CricketX 390 390 300 12
CricketY 390 390 300 12
CricketZ 390 390 300 12
Crop 7200 16800 46 24
DiatomSizeReduction 16 306 345 4
DistalPhalanxOutlineAgeGroup 400 139 80 3
DistalPhalanxOutlineCorrect 600 276 80 2
DistalPhalanxTW 400 139 80 6
DodgerLoopDay 78 80 288 7
DodgerLoopGame 20 138 288 2
DodgerLoopWeekend 20 138 288 2
ECG200 100 100 96 2
ECG5000 500 4500 140 5
ECGFiveDays 23 861 136 2
EOGHorizontalSignal 362 362 1250 12
EOGVerticalSignal 362 362 1250 12
Earthquakes 322 139 512 2
ElectricDevices 8926 7711 96 7
EthanolLevel 504 500 1751 4
FaceAll 560 1690 131 14
FaceFour 24 88 350 4
FacesUCR 200 2050 131 14
FiftyWords 450 455 270 50
Fish 175 175 463 7
FordA 3601 1320 500 2
FordB 3636 810 500 2
FreezerRegularTrain 150 2850 301 2
FreezerSmallTrain 28 2850 301 2
Fungi 18 186 201 18
GestureMidAirD1 208 130 0 26
GestureMidAirD2 208 130 0 26
GestureMidAirD3 208 130 0 26
GesturePebbleZ1 132 172 0 6
GesturePebbleZ2 146 158 0 6
GunPoint 50 150 150 2
GunPointAgeSpan 135 316 150 2
GunPointMaleVersusFemale 135 316 150 2
GunPointOldVersusYoung 136 315 150 2
Ham 109 105 431 2
HandOutlines 1000 370 2709 2
Haptics 155 308 1092 5
Herring 64 64 512 2
HouseTwenty 40 119 2000 2
InlineSkate 100 550 1882 7
InsectEPGRegularTrain 62 249 601 3
InsectEPGSmallTrain 17 249 601 3
InsectWingbeatSound 220 1980 256 11
ItalyPowerDemand 67 1029 24 2
LargeKitchenAppliances 375 375 720 3
Lightning2 60 61 637 2
Lightning7 70 73 319 7
Mallat 55 2345 1024 8
Meat 60 60 448 3
MedicalImages 381 760 99 10
MelbournePedestrian 1194 2439 24 10
MiddlePhalanxOutlineAgeGroup 400 154 80 3
MiddlePhalanxOutlineCorrect 600 291 80 2
MiddlePhalanxTW 399 154 80 6
MixedShapesRegularTrain 500 2425 1024 5
MixedShapesSmallTrain 100 2425 1024 5
MoteStrain 20 1252 84 2
NonInvasiveFetalECGThorax1 1800 1965 750 42
NonInvasiveFetalECGThorax2 1800 1965 750 42
OSULeaf 200 242 427 6
OliveOil 30 30 570 4
PLAID 537 537 0 11
PhalangesOutlinesCorrect 1800 858 80 2
Phoneme 214 1896 1024 39
PickupGestureWiimoteZ 50 50 0 10
PigAirwayPressure 104 208 2000 52
PigArtPressure 104 208 2000 52
PigCVP 104 208 2000 52
Plane 105 105 144 7
PowerCons 180 180 144 2
ProximalPhalanxOutlineAgeGroup 400 205 80 3
ProximalPhalanxOutlineCorrect 600 291 80 2
ProximalPhalanxTW 400 205 80 6
RefrigerationDevices 375 375 720 3
Rock 20 50 2844 4
ScreenType 375 375 720 3
SemgHandGenderCh2 300 600 1500 2
SemgHandMovementCh2 450 450 1500 6
SemgHandSubjectCh2 450 450 1500 5
ShakeGestureWiimoteZ 50 50 0 10
ShapeletSim 20 180 500 2
ShapesAll 600 600 512 60
SmallKitchenAppliances 375 375 720 3
SmoothSubspace 150 150 15 3
SonyAIBORobotSurface1 20 601 70 2
SonyAIBORobotSurface2 27 953 65 2
StarLightCurves 1000 8236 1024 3
Strawberry 613 370 235 2
SwedishLeaf 500 625 128 15
Symbols 25 995 398 6
SyntheticControl 300 300 60 6
ToeSegmentation1 40 228 277 2
ToeSegmentation2 36 130 343 2
Trace 100 100 275 4
TwoLeadECG 23 1139 82 2
TwoPatterns 1000 4000 128 4
UMD 36 144 150 3
UWaveGestureLibraryAll 896 3582 945 8
UWaveGestureLibraryX 896 3582 315 8
UWaveGestureLibraryY 896 3582 315 8
UWaveGestureLibraryZ 896 3582 315 8
Wafer 1000 6164 152 2
Wine 57 54 234 2
WordSynonyms 267 638 270 25
Worms 181 77 900 5
WormsTwoClass 181 77 900 2
Yoga 300 3000 426 2
"""

SIZES: dict[str, Size] = {
    name: Size(int(n_train), int(n_test), int(length) or None, int(n_classes))
    for name, n_train, n_test, length, n_classes in map(str.split, _SIZES.strip().splitlines())
}

UCR_2018: tuple[str, ...] = tuple(SIZES)
"""The 128 names of the archive."""

PAPER_DATASETS: tuple[str, ...] = (
    "Crop",
    "ECG5000",
    "ElectricDevices",
    "FaceAll",
    "FordA",
    "FreezerRegularTrain",
    "MixedShapesRegularTrain",
    "StarLightCurves",
    "TwoPatterns",
    "UWaveGestureLibraryAll",
    "UWaveGestureLibraryX",
    "Wafer",
    "Yoga",
)
"""The thirteen of the paper, section 4."""

# Sets whose size is certain, so that another size means other data: the paper's and the demo's. Of the rest, the
# archive has corrected a few since 2018 (Chinatown, GunPointOldVersusYoung, MelbournePedestrian): they are only
# warned about.
CERTAIN: frozenset[str] = frozenset(PAPER_DATASETS) | {"ItalyPowerDemand"}

DIGESTS: dict[str, str] = {
    "Crop": "0986176aee557e5884b53b2c31c2c731d58fcfce26c52b1f931b81238403694f",
    "ECG5000": "2c08a17381d9cd08035de11a9fa7acdda429671c61a8c05a1f6df5c379a81332",
    "ElectricDevices": "7e1be61ec835845a6dc46be366725943da2ab02d06ad82917198b87f5cdc3633",
    "FaceAll": "af31f5408065071298964b2cfc0abe4315dd4ee8e102c9c515cb83c00d9d4262",
    "FordA": "b5ccf31ef21bc7c8b282208b39c8a6a16d8b56009e6ab590669e0522787fc9bb",
    "ItalyPowerDemand": "ef9cc11f9354b859ea0a32480aa50bce48f9c4f50cf0e15388d3b9c6c53b7014",
    "MixedShapesRegularTrain": "5015130127bc8dfa0a078b3f90f6bd84774d1e93a12de516f3e7cfad7a8711b8",
}
"""`RawData.digest()` of the archive's original files, TRAIN and TEST together."""

RESERVED: frozenset[str] = frozenset({"downloads", "metrics", "tables"})
"""Folders of a study that lie beside those of the data sets, in small letters."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)


def check_name(name: str) -> str:
    """Return `name` if it may serve as the name of a file and of a job: letters, digits, `_`, `-`; at most 64.

    Raises
    ------
    DataError
        If the name could leave its folder, be read as an option or hold anything that a shell would expand.
    """
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise DataError(
            f"{str(name)[:80]!r} cannot name a data set; use letters, digits, '_' and '-', at most 64, "
            "the first a letter or a digit"
        )
    if name.lower() in RESERVED:
        raise DataError(
            f"{name!r} cannot name a data set, since a study has a folder of that name; choose another"
        )
    return name
