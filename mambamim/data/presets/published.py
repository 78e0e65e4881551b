"""The data sets of the paper's experiments, and what is known about each.

Spacing and window are the paper's, which refers to Swin UNETR for all CT: 1.5 x 1.5 x 2 mm and
-175 to 250 HU. It trains and validates and has no test cases; where it divides without saying how,
the division is drawn, see `SplitRule`.
"""

from __future__ import annotations

from mambamim.catalogue.terminology import ABDOMEN_LABELS
from mambamim.data.presets.layout import CaseFolders, Pair, PairedFiles
from mambamim.data.presets.preset import DatasetPreset
from mambamim.data.presets.split_rule import SplitRule

_FIVE_FOLDS = SplitRule("five-fold cross-validation, as in the paper; folds drawn", folds=5)
_FOUR_OF_FIVE = SplitRule("80 % and 20 %, as in the paper; drawn")
_DECATHLON_LICENCE = "CC-BY-SA-4.0"
_DECATHLON_CITATION = (
    "Antonelli et al. The Medical Segmentation Decathlon. Nature Communications 13, 4128 (2022)"
)

_BTCV_CLASSES = {value: name for value, name in ABDOMEN_LABELS.items() if value <= 13}
_AMOS_CLASSES = {
    **{value: name for value, name in _BTCV_CLASSES.items() if value < 10},
    10: "pancreas",
    11: "adrenal_gland_right",
    12: "adrenal_gland_left",
    13: "duodenum",
    14: "urinary_bladder",
    15: "prostate_or_uterus",
}


def _same(classes: dict[int, str]) -> dict[int, int]:
    """The label map of files that hold the class values themselves."""
    return {value: value for value in classes}


def _decathlon(
    name: str, title: str, folder: str, file: str, classes: dict[int, str], count: int
) -> DatasetPreset:
    return DatasetPreset(
        name=name,
        title=title,
        modality="CT",
        classes=classes,
        label_map=_same(classes),
        layout=PairedFiles(
            roots=(".", folder),
            pairs=(Pair("imagesTr", "labelsTr"),),
            image=rf"{file}_(\d+)",
            label=rf"{file}_(\d+)",
        ),
        split_rule=_FIVE_FOLDS,
        case_count=count,
        licence=_DECATHLON_LICENCE,
        citation=_DECATHLON_CITATION,
    )


_BTCV = DatasetPreset(
    name="btcv",
    title="BTCV",
    modality="CT",
    classes=_BTCV_CLASSES,
    label_map=_same(_BTCV_CLASSES),
    layout=PairedFiles(
        roots=(".", "Training", "RawData/Training", "Abdomen/RawData/Training"),
        pairs=(Pair("img", "label"),),
        image=r"img(\d+)",
        label=r"label(\d+)",
    ),
    split_rule=_FIVE_FOLDS,
    case_count=30,
    licence="the challenge's own terms, to be agreed to on Synapse",
    citation=(
        "Landman et al. MICCAI Multi-Atlas Labeling Beyond the Cranial Vault: Workshop and"
        " Challenge (2015)"
    ),
)
_AMOS = DatasetPreset(
    name="amos_ct",
    title="AMOS 2022 (CT)",
    modality="CT",
    classes=_AMOS_CLASSES,
    label_map=_same(_AMOS_CLASSES),
    layout=PairedFiles(
        roots=(".", "amos22"),
        pairs=(
            Pair("imagesTr", "labelsTr", "train"),
            Pair("imagesVa", "labelsVa", "validation"),
            Pair("imagesTs", "labelsTs", "test", needed=False),  # long published without labels
        ),
        image=r"amos_(0[0-4]\d\d|0500)",  # from 0501 on they are MR
        label=r"amos_(0[0-4]\d\d|0500)",
    ),
    split_rule=SplitRule(
        "the data set's folders, as in the paper, whose 240 and 120 count 40 and 20 MR scans too",
        published=True,
    ),
    case_count=300,
    licence="CC-BY-4.0",
    citation=(
        "Ji et al. AMOS: A Large-Scale Abdominal Multi-Organ Benchmark for Versatile Medical Image"
        " Segmentation. NeurIPS (2022)"
    ),
)
_CT_ORG = DatasetPreset(
    name="ct_org",
    title="CT-ORG",
    modality="CT",
    classes={1: "liver", 2: "urinary_bladder", 3: "lungs", 4: "kidney", 5: "bones"},
    # The brain (6) is in few scans, and the paper has five classes.
    label_map={1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 0},
    layout=PairedFiles(
        roots=(".", "OrganSegmentations", "CT-ORG/OrganSegmentations"),
        pairs=(Pair(".", "."),),
        image=r"volume-(\d+)",
        label=r"labels-(\d+)",
    ),
    # The data set's makers test on volumes 0 to 20, whose lungs and bones are drawn by hand.
    split_rule=_FOUR_OF_FIVE,
    case_count=140,
    licence="CC-BY-3.0",
    citation=(
        "Rister et al. CT-ORG, a new dataset for multiple organ segmentation in computed"
        " tomography. Scientific Data 7, 381 (2020)"
    ),
)
_KITS = DatasetPreset(
    name="kits23",
    title="KiTS23",
    modality="CT",
    classes={1: "kidney", 2: "kidney_tumour", 3: "kidney_cyst"},
    label_map={1: 1, 2: 2, 3: 3},
    layout=CaseFolders(
        roots=(".", "dataset", "kits23/dataset"),
        folder=r"case_\d{5}",
        images=("imaging",),
        label="segmentation",
    ),
    split_rule=_FOUR_OF_FIVE,
    case_count=489,
    # What the challenge scores; the paper's three classes are exclusive.
    regions={"kidney_and_masses": (1, 2, 3), "kidney_masses": (2, 3), "kidney_tumour": (2,)},
    licence="CC-BY-NC-SA-4.0",
    citation=(
        "Heller et al. The KiTS21 Challenge: Automatic segmentation of kidneys, renal tumors, and"
        " renal cysts in corticomedullary-phase CT (2023)"
    ),
)
_BRATS = DatasetPreset(
    name="brats21",
    title="BraTS 2021",
    modality="MR",
    classes={1: "necrotic_tumour_core", 2: "peritumoural_oedema", 3: "enhancing_tumour"},
    label_map={1: 1, 2: 2, 4: 3},
    layout=CaseFolders(
        roots=(".", "BraTS2021_Training_Data", "TrainingData"),
        folder=r"BraTS2021_\d{5}",
        images=("{case}_t1", "{case}_t1ce", "{case}_t2", "{case}_flair"),
        label="{case}_seg",
    ),
    split_rule=SplitRule("1000 and 251, as in the paper; drawn", validation=251 / 1251),
    case_count=1251,
    spacing_mm=(1.0, 1.0, 1.0),  # as published: skull-stripped, on one grid
    window=None,
    channels=("t1", "t1ce", "t2", "flair"),
    regions={"whole_tumour": (1, 2, 3), "tumour_core": (1, 3), "enhancing_tumour": (3,)},
    exclusive=False,
    licence="the challenge's own terms, to be agreed to on Synapse",
    citation=(
        "Baid et al. The RSNA-ASNR-MICCAI BraTS 2021 Benchmark on Brain Tumor Segmentation and"
        " Radiogenomic Classification (2021)"
    ),
)

PRESETS: dict[str, DatasetPreset] = {
    preset.name: preset
    for preset in (
        _BTCV,
        _decathlon(
            "msd_pancreas", "MSD Pancreas", "Task07_Pancreas", "pancreas",
            {1: "pancreas", 2: "pancreas_tumour"}, 281,
        ),
        _decathlon(
            "msd_hepatic_vessel", "MSD Hepatic Vessel", "Task08_HepaticVessel", "hepaticvessel",
            {1: "hepatic_vessels", 2: "liver_tumour"}, 303,
        ),
        _decathlon(
            "msd_spleen", "MSD Spleen", "Task09_Spleen", "spleen", {1: "spleen"}, 41,
        ),
        _AMOS,
        _CT_ORG,
        _KITS,
        _BRATS,
    )
}  # fmt: skip
