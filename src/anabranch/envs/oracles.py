"""Scores of molecules by name: drug-likeness, accessibility, and the goal-directed tasks that RDKit alone can judge.

The tasks are those of GuacaMol (Brown et al. 2019, arXiv:1811.09621), as the benchmark PMO (Gao et al. 2022,
arXiv:2206.12411) uses them; the formulas are written after the first paper. Each gives a number in [0, 1].
"""

import functools
from typing import Any

from anabranch.envs.chemistry import chemical
from anabranch.envs.oracle_parts import (
    Atoms,
    Described,
    Holds,
    Isomer,
    MeanOf,
    Score,
    Similar,
    at_least,
    at_most,
    gaussian,
    scaled_log_p,
    synthetic_accessibility,
    up_to,
)
from anabranch.ground.errors import ConfigError, did_you_mean

ALBUTEROL = "CC(C)(C)NCC(O)c1ccc(O)c(CO)c1"
AMLODIPINE = "Clc1ccccc1C2C(=C(/N/C(=C2/C(=O)OCC)COCCN)C)\\C(=O)OC"
CAMPHOR = "CC1(C)C2CCC1(C)C(=O)C2"
CELECOXIB = "CC1=CC=C(C=C1)C1=CC(=NN1C1=CC=C(C=C1)S(N)(=O)=O)C(F)(F)F"
FEXOFENADINE = "CC(C)(C(=O)O)c1ccc(cc1)C(O)CCCN2CCC(CC2)C(O)(c3ccccc3)c4ccccc4"
MENTHOL = "CC(C)C1CCC(C)CC1O"
MESTRANOL = "COc1ccc2C3CCC4(C)C(CCC4(O)C#C)C3CCc2c1"
OSIMERTINIB = "COc1cc(N(C)CCN(C)C)c(NC(=O)C=C)cc1Nc2nccc(n2)c3cn(C)c4ccccc34"
PERINDOPRIL = "O=C(OCC)C(NC(C(=O)N1C(C(=O)O)CC2CCCCC12)C)CCC"
RANOLAZINE = "COc1ccccc1OCC(O)CN2CCN(CC(=O)Nc3c(C)cccc3C)CC2"
SILDENAFIL = "CCCC1=NN(C2=C1N=C(NC2=O)C3=C(OCC)C=CC(=C3)S(=O)(=O)N4CCN(CC4)C)C"
SITAGLIPTIN = "Fc1cc(c(F)cc1F)CC(N)CC(=O)N3Cc2nnc(n2CC3)C(F)(F)F"
TADALAFIL = "O=C1N(CC(N2C1CC3=C(C2C4=CC5=C(OCO5)C=C4)NC6=C3C=CC=C6)=O)C"
THIOTHIXENE = "CN(C)S(=O)(=O)c1ccc2Sc3ccccc3C(=CCCN4CCN(C)CC4)c2c1"
TROGLITAZONE = "Cc1c(C)c2OC(C)(COc3ccc(CC4SC(=O)NC4=O)cc3)CCc2c(C)c1O"
ZALEPLON = "O=C(C)N(CC)C1=CC=CC(C2=CC=NC3=C(C=NN23)C#N)=C1"
VALSARTAN_PART = "CN(C=O)Cc1ccc(c2ccccc2)cc1"
LIKE_SITAGLIPTIN = (Described("log P", gaussian(2.0165, 0.2)), Described("TPSA", gaussian(77.04, 5.0)))

ORACLES: dict[str, Score] = {
    "qed": Described("QED"),
    "sa": synthetic_accessibility,
    "logp": scaled_log_p,
    "albuterol-similarity": Similar(ALBUTEROL, "FCFP4", up_to(0.75)),
    "mestranol-similarity": Similar(MESTRANOL, "AP", up_to(0.75)),
    "celecoxib-rediscovery": Similar(CELECOXIB),
    "thiothixene-rediscovery": Similar(THIOTHIXENE),
    "troglitazone-rediscovery": Similar(TROGLITAZONE),
    "isomers-c7h8n2o2": Isomer("C7H8N2O2"),
    "isomers-c9h10n2o2pf2cl": Isomer("C9H10N2O2PF2Cl"),
    "median1": MeanOf((Similar(CAMPHOR), Similar(MENTHOL))),
    "median2": MeanOf((Similar(TADALAFIL, "ECFP6"), Similar(SILDENAFIL, "ECFP6"))),
    "osimertinib-mpo": MeanOf(
        (
            Similar(OSIMERTINIB, "FCFP4", up_to(0.8)),
            Similar(OSIMERTINIB, "ECFP6", at_most(0.85, 0.1)),
            Described("TPSA", at_least(100.0, 10.0)),
            Described("log P", at_most(1.0, 1.0)),
        )
    ),
    "fexofenadine-mpo": MeanOf(
        (
            Similar(FEXOFENADINE, "AP", up_to(0.8)),
            Described("TPSA", at_least(90.0, 10.0)),
            Described("log P", at_most(4.0, 1.0)),
        )
    ),
    "ranolazine-mpo": MeanOf(
        (
            Similar(RANOLAZINE, "AP", up_to(0.7)),
            Described("log P", at_least(7.0, 1.0)),
            Described("TPSA", at_least(95.0, 20.0)),
            Atoms("F", gaussian(1.0, 1.0)),
        )
    ),
    "perindopril-mpo": MeanOf((Similar(PERINDOPRIL), Described("aromatic rings", gaussian(2.0, 0.5)))),
    "amlodipine-mpo": MeanOf((Similar(AMLODIPINE), Described("rings", gaussian(3.0, 0.5)))),
    "sitagliptin-mpo": MeanOf(
        (Similar(SITAGLIPTIN, "ECFP4", gaussian(0.0, 0.1)), *LIKE_SITAGLIPTIN, Isomer("C16H15F6N5O"))
    ),
    "zaleplon-mpo": MeanOf((Similar(ZALEPLON), Isomer("C19H17N3O2"))),
    "valsartan-smarts": MeanOf((Holds(VALSARTAN_PART), *LIKE_SITAGLIPTIN, Described("Bertz", gaussian(896.38, 30.0)))),
}
"""Scores by name."""
SIMILAR = "similar:"
"""The head of the name of a similarity to any molecule, such as similar:CCO."""


@functools.cache
def oracle(name: str) -> Score:
    """The score of that name. Raises ConfigError, with the nearest one, where there is none."""
    if name.startswith(SIMILAR):
        smiles = name.removeprefix(SIMILAR)
        if chemical("rdkit.Chem").MolFromSmiles(smiles) is None:
            raise ConfigError(f"The score {name} names no molecule: {smiles!r} is not SMILES.")
        return Similar(smiles)
    if name not in ORACLES:
        raise ConfigError(f"There is no score of molecules {name!r}{did_you_mean(name, [*ORACLES, SIMILAR])}")
    return ORACLES[name]


def scores(smiles: str, names: tuple[str, ...]) -> tuple[float, ...]:
    """Some scores of a molecule; zeros where the text is none."""
    molecule: Any = chemical("rdkit.Chem").MolFromSmiles(smiles) if smiles else None
    return tuple(0.0 if molecule is None else max(0.0, oracle(name)(molecule)) for name in names)
