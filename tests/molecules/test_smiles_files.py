"""Users' files of SMILES strings: which strings are read of which file, what is told, what is refused."""

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddvae.__main__ import main
from ddvae.molecules.datasets import MOSES, own_molecules
from ddvae.molecules.smiles_files import read_smiles, smiles_column

ASPIRIN, BENZENE = "CC(=O)Oc1ccccc1C(=O)O", "c1ccccc1"
FURAN = "C[C@@H]1CC[C@@H](O1)C(=O)N2CCC=C(F)C2"
SD = """mol
     RDKit          2D

  2  1  0  0  0  0  0  0  0  0999 V{version}000
   -1.2990   -0.2500    0.0000 C   0  0  0  0  0  0  0  0  0  0  0  0
    0.0000    0.5000    0.0000 O   0  0  0  0  0  0  0  0  0  0  0  0
  1  2  1  0
M  END
>  <SMILES>  (1)
CO

$$$$
"""


@pytest.fixture
def written(tmp_path):
    def write(content, name="mine.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


TABLES = {
    # what delimits the columns is seen in the header
    "Name\tSMILES\nacetylsalicylic acid\tCC(=O)Oc1ccccc1C(=O)O\nethanol\tCCO\nacetic acid\tCC(=O)O\n": (
        [ASPIRIN, "CCO", "CC(=O)O"],
        '"SMILES" (2nd of 2), tab-separated',
    ),
    "smiles\tname, IUPAC\nCCO\tethanol\nc1ccccc1\tbenzene\n": (
        ["CCO", BENZENE],
        '"smiles" (1st of 2), tab-separated',
    ),
    "CAS;SMILES\n64-17-5;CCO\n71-43-2;c1ccccc1\n": (
        ["CCO", BENZENE],
        '"SMILES" (2nd of 2), semicolon-separated',
    ),
    '"ChEMBL ID";"Name";"Weight";"Smiles"\n"CHEMBL25";"ASPIRIN";"180.16";"CC(=O)Oc1ccccc1C(=O)O"\n': (
        [ASPIRIN],
        '"Smiles" (4th of 4), semicolon-separated',
    ),
    "id|smiles|name\n1|CCO|x\n": (["CCO"], '"smiles" (2nd of 3), bar-separated'),
    "name; IUPAC,smiles\na,CCO\n": (["CCO"], '"smiles" (2nd of 2), comma-separated'),
    "the id,the smiles\n1,CCO\n": (["CCO"], '"the smiles" (2nd of 2), comma-separated'),
    "name\tmy smiles\nacetic acid\tCC(=O)O\n": (["CC(=O)O"], '"my smiles" (2nd of 2), tab-separated'),
    "SMILES Name \nCCO ethanol\nCC acetic  acid\n": (["CCO", "CC"], '"SMILES" (1st of 2), blank-separated'),
    "Name   SMILES\nF1   CCO\nF2 CC\n": (["CCO", "CC"], '"SMILES" (2nd of 2), blank-separated'),
    "a,b,c,d,e,f,g,h,i,j,smiles\n,,,,,,,,,,CCO\n": (["CCO"], '"smiles" (11th of 11), comma-separated'),
    # quotation marks
    '"smiles"\n"CCO"\n"c1ccccc1"\n': (["CCO", BENZENE], '"smiles"'),
    '"x"\n"CCO"\n"c1ccccc1"\n': (["CCO", BENZENE], '"x"'),
    '"id", "SMILES"\n"1", "CCO"\n': (["CCO"], '"SMILES" (2nd of 2), comma-separated'),
    'id,name,smiles\n1,"acetic acid, or ""vinegar""",CC(=O)O\n2,,CCO\n': (
        ["CC(=O)O", "CCO"],
        '"smiles" (3rd of 3), comma-separated',
    ),
    'smiles,logP\n"CC(=O)O\n",5.05\n"CCO\n",1\n': (
        ["CC(=O)O", "CCO"],
        '"smiles" (1st of 2), comma-separated',
    ),
    'smiles\tname\nCCO\t"alpha" x\nCC\t5"-y\n': (["CCO", "CC"], '"smiles" (1st of 2), tab-separated'),
    'smiles\n""\nCCO\n': (["", "CCO"], '"smiles"'),
    # names of the column
    "canonical_smiles,x\nCCO,1\n": (["CCO"], '"canonical_smiles" (1st of 2), comma-separated'),
    "Canonical SMILES\nCCO\nCC\n": (["CCO", "CC"], '"Canonical SMILES"'),
    "cid,canonicalsmiles,isosmiles\n1,CC(F)O,C[C@H](F)O\n": (
        ["C[C@H](F)O"],
        '"isosmiles" (3rd of 3), comma-separated',
    ),
    "isomeric_smiles;smiles\nC[C@H](F)O;CC(F)O\n": (["CC(F)O"], '"smiles" (2nd of 2), semicolon-separated'),
    "Ligand SMILES\tLigand InChI\nCCO\tInChI=1S/C2H6O/c1-2-3/h3H,2H2,1H3\n": (
        ["CCO"],
        '"Ligand SMILES" (1st of 2), tab-separated',
    ),
    "id,Structure\nC1,CCO\n": (["CCO"], '"Structure" (2nd of 2), comma-separated'),
    "mol,CID\nCCO,BACE_1\n": (["CCO"], '"mol" (1st of 2), comma-separated'),
    "Molecule,smi\nethanol,CCO\n": (["CCO"], '"smi" (2nd of 2), comma-separated'),
    "smiles_id,valid_smiles,structure\n17,True,CCO\n": (["CCO"], '"structure" (3rd of 3), comma-separated'),
    "no;smiles\n1;CCO\n": (["CCO"], '"smiles" (2nd of 2), semicolon-separated'),
    "compound,activity\nCCO,0.5\nCC,1\n": (["CCO", "CC"], '"compound" (1st of 2), comma-separated'),
    "#smiles name\nCCO x\n": (["CCO"], '"smiles" (1st of 2), blank-separated'),
    # indices of pandas and R
    ",smiles\n0,CCO\n1,CC\n": (["CCO", "CC"], '"smiles" (2nd of 2), comma-separated'),
    "\tname\tsmiles\n0\ta\tCCO\n": (["CCO"], '"smiles" (3rd of 3), tab-separated'),
    '"","smiles","logP"\n"1","CCO",0.5\n': (["CCO"], '"smiles" (2nd of 3), comma-separated'),
    '"smiles" "logP"\n"1" "CCO" 0.5\n"2" "CC" 1\n': (["CCO", "CC"], '"smiles" (2nd of 3), blank-separated'),
    '"smiles"\n"1" "CCO"\n"2" "CC"\n': (["CCO", "CC"], '"smiles" (2nd of 2), blank-separated'),
    # before, between and behind
    "sep=;\nid;smiles\n1;CCO\n": (["CCO"], '"smiles" (2nd of 2), semicolon-separated'),
    "sep=\t\r\nid\tsmiles, canonical\r\n1\tCCO\r\n": (
        ["CCO"],
        '"smiles, canonical" (2nd of 2), tab-separated',
    ),
    '"sep=,"\nid,smiles\n1,CCO\n': (["CCO"], '"smiles" (2nd of 2), comma-separated'),
    "\n \nid,smiles\n\n1,CCO\n\n,,\n2,CC\n\n": (["CCO", "CC"], '"smiles" (2nd of 2), comma-separated'),
    "smiles\nCCO\n\nCC\n\n": (["CCO", "CC"], '"smiles"'),
    "id,smiles\r\n1,CCO\r\n2,CC\r\n": (["CCO", "CC"], '"smiles" (2nd of 2), comma-separated'),
    "id,smiles\r1,CCO\r2,CC\r": (["CCO", "CC"], '"smiles" (2nd of 2), comma-separated'),
    "\ufeffcanonical_smiles,x\nCCO,1\n": (["CCO"], '"canonical_smiles" (1st of 2), comma-separated'),
    "id,smiles\n1,CCO,\n2,CC,\n": (["CCO", "CC"], '"smiles" (2nd of 2), comma-separated'),
    "smiles,name\nClCCCl,1,3-dichloropropane\nCCO,ethanol\n": (
        ["ClCCCl", "CCO"],
        '"smiles" (1st of 2), comma-separated',
    ),
    "id,smiles,note\n1,,none\n2,CC\n": (["", "CC"], '"smiles" (2nd of 3), comma-separated'),
    'id,smiles\nF1,"C[C@@H]1CC[C@@H](O1)C(=O)N2CCC=C(F)C2 |&1:1,4,r|"\nF2,CCO\n': (
        [FURAN, "CCO"],
        '"smiles" (2nd of 2), comma-separated',
    ),
    "id\tcxsmiles\n1\tCC(F)O |r|\n2\t CCO name\n": (
        ["CC(F)O", "CCO"],
        '"cxsmiles" (2nd of 2), tab-separated',
    ),
}


@pytest.mark.parametrize("text", TABLES)
def test_tables(written, capsys, text):
    strings, column = TABLES[text]
    path = written(text)
    assert smiles_column(path) == strings
    assert capsys.readouterr().err == f"{path}: column {column}\n"


LISTS = {
    "CCO ethanol\nC\tmethane\n\n": ["CCO", "C", ""],
    "\n\nCCO": ["", "", "CCO"],
    "\n\n": ["", ""],
    "": [],
    "CCO 2,3-x\nCC\n": ["CCO", "CC"],
    "CCO,0.5\nCC,1\n": ["CCO", "CC"],
    "CCO;x\nCC;y\n": ["CCO", "CC"],
    '"CCO","x"\n"CC","y"\n': ["CCO", "CC"],
    f"{FURAN} |&1:1,4,r|\nCCO\n": [FURAN, "CCO"],
    "CCO |w:1.1,$;;R1$| a name\n": ["CCO"],
    "CCO smiles\nCC structure\n": ["CCO", "CC"],
    "CCO my smiles\n": ["CCO"],
    "CCO C\nCC N\n": ["CCO", "CC"],
    "[Na+].[Cl-]\n[2H]O[2H]\n[se]1cccc1\n*C[*:1]\nC%10CC%10\n": [
        "[Na+].[Cl-]",
        "[2H]O[2H]",
        "[se]1cccc1",
        "*C[*:1]",
        "C%10CC%10",
    ],
    ")))\nC((1\n??\n#\n": [")))", "C((1", "??", "#"],  # of a poor model
    "C??\n????\n": ["C??", "????"],
    "CCO\nethanol\nCC\n": ["CCO", "ethanol", "CC"],
    "CCO\r\nCC\r\n": ["CCO", "CC"],
    "CCO a\u2028b\nCC c\x0cd\n": ["CCO", "CC"],
    "sep=,\nCCO,1\n": ["CCO"],
}


@pytest.mark.parametrize("text", LISTS)
def test_lists(written, capsys, text):
    assert smiles_column(written(text, "mine.smi")) == LISTS[text]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("text", ["# my molecules\nCCO\nCC\n", "x\nCCO\nCC\n", "Verbindung\nCCO\nCC x\n"])
def test_a_first_line_without_smiles_is_told(written, capsys, text):
    assert smiles_column(written(text)) == ["CCO", "CC"]
    assert re.search('mine.csv: column "(my|x|Verbindung)"', capsys.readouterr().err)


REFUSED = {
    SD.format(version=2): "is an SD file; expected SMILES",
    SD.format(version=3): "is an SD file; expected SMILES",
    "# made by hand\n@<TRIPOS>MOLECULE\nx\n": "is a mol2 file",
    "HEADER    PROTEIN\nATOM      1  N   MET A   1\n": "is a PDB file",
    "data_1ABC\n#\n_entry.id 1ABC\n": "is a CIF file",
    '[{"smiles": "CCO"}]': "is a JSON file",
    '{"smiles": {"0": "CCO"}}': "is a JSON file",
    "<!DOCTYPE html>\n<html>CCO</html>": "is an HTML or XML page",
    "id,name\n1,ethanol\n": "has columns id, name; expected one that holds SMILES, named smiles, ",
    "Name\tCAS\nethanol\t64-17-5\n": "has columns Name, CAS; expected one that holds SMILES",
    ",".join(f"x{n}" for n in range(40)) + "\n" + "1," * 39 + "1\n": "x11, ...; expected one that holds",
    "id,drawn\nF1,CCO\nF2,CC\n": "has columns id, drawn; expected one that holds SMILES",
    "Compound,mp\nC1,1.5\nC2,7\n": "has columns Compound, mp;",
    "smiles\nethanol\nacetic acid\n": 'column "smiles" holds "ethanol"; expected SMILES',
    "id;smiles\n1;CHEMBL25\n": 'column "smiles" (2nd of 2) holds "CHEMBL25"; expected SMILES',
    "Structure;x\nInChI=1S/CH4/h1H4;1\n": 'column "Structure" (1st of 2) holds "InChI=1S/CH4/h1H4"',
    "id,Structure\n1,C1\n2,C2\n": 'column "Structure" (2nd of 2) holds no string',
    "smiles\n": 'column "smiles" holds no string; expected SMILES',
    "ethanol\nmethane\n": 'line 1 of {path} begins with "ethanol"; expected SMILES',
    "CCO\nethanol\nacid\nmethane\n": 'line 2 of {path} begins with "ethanol"; expected SMILES',
    "InChI=1S/CH4/h1H4\n": "begins with",
    "BSYNRYMUTXBXSQ-UHFFFAOYSA-N\n": "begins with",
    "CHEMBL25\nCHEMBL26\n": "begins with",
    "64-17-5\n71-43-2\n": "begins with",
    "0.1 0.2\n0.3 1e-5\n": "begins with",
    "[Branch1][C][Ring1]\n[C][Branch1]\n": "begins with",
    ">sp|P01308|INS\nMALWMRLLPL\n": "is a FASTA file",
    "['CCO', 'CC']\n": "has columns ['CCO', 'CC']; expected one that holds SMILES",
    "ethanol CCO\nmethane C\n": 'lines begin with "ethanol", SMILES follow; expected SMILES first, or',
    "1,CCO\n2,CC\n": 'lines begin with "1", SMILES follow',
    "F1\tCCO\nF2\tCC\n": 'lines begin with "F1", SMILES follow',
    "C2H6O CCO\nC6H6 c1ccccc1\n": 'lines begin with "C2H6O", SMILES follow',
    "name,smiles\n1,2-dichloroethane,ClCCCl\nethanol,CCO\n": (
        "line 2 of {path} has 3 fields; expected 2 (name, smiles)"
    ),
    "name smiles\nethanol CCO\nacetic acid CC(=O)O\n": "line 3 of {path} has 3 fields; expected 2",
    'id,smiles\n1,"CCO\n2,CC\n': "is no table (unexpected end of data in line 3); expected a",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_does_not_look_like_smiles_is_refused(written, text):
    path = written(text)
    with pytest.raises(ValueError, match=re.escape(REFUSED[text].format(path=path))) as caught:
        smiles_column(path)
    assert str(path) in str(caught.value)
    with pytest.raises(ValueError, match="expected"):
        own_molecules(path)


def test_names_among_molecules_are_not_learnt(written, capsys):
    path = written("CCO\nacetic acid\nCC\n25\nCHEMBL25\n[NH4+]\nCCO\n" + "C" * 201)
    strings, skipped = read_smiles(path)
    assert strings == ["CCO", "CC", "[NH4+]", "CCO"]
    assert skipped == {"not written like SMILES": 3, "over 200 characters": 1}
    assert own_molecules(path).vocabulary.symbols == "+4CHNO[]"
    assert "skipped 3 lines: not written like SMILES" in capsys.readouterr().err
    assert read_smiles(path, MOSES)[1]["character 'a' is no token"] == 1


MADE = st.text("CNOFc1=()[]@", min_size=1, max_size=8)


@given(st.lists(MADE | st.just(""), min_size=1, max_size=8).filter(any))
def test_samples_of_a_model_are_read_as_they_are(tmp_path_factory, strings):
    """Molecules or not, the empty string too: a metric of valid ones counts them all."""
    strings = [f"C{string}" if string else "" for string in strings]
    path = tmp_path_factory.mktemp("samples") / "samples.smi"
    path.write_text("".join(f"{string}\n" for string in strings))
    assert smiles_column(path) == strings


def test_standard_input_reads_as_a_file_does(written, monkeypatch, capsys):
    for content in (b"\xef\xbb\xbfCCO\nc1ccccc1\n", b"id;smiles\r\n1;CCO\r\n", b"CCO\n\nCC\n", b""):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content), encoding="ascii"))
        assert smiles_column("-") == smiles_column(written(content))
    told = capsys.readouterr().err
    assert 'standard input: column "smiles" (2nd of 2), semicolon-separated' in told
    monkeypatch.setattr("sys.stdin", io.StringIO("CCO\n\nC\n"))
    assert read_smiles("-") == (["CCO", "C"], {"empty": 1})
    monkeypatch.setattr("sys.stdin", io.StringIO("id,name\n1,a\n"))
    with pytest.raises(
        ValueError, match="standard input has columns id, name; expected one that holds SMILES"
    ):
        smiles_column("-")


@pytest.mark.parametrize("command", ["moses-metrics {}", "moses-metrics {good} --reference {}"])
def test_commands_refuse_it_too(written, capsys, command):
    path, good = written(SD.format(version=2), "two.sdf"), written("CCO\n", "good.smi")
    assert main(command.format(path, good=good).split()) == 2
    assert capsys.readouterr().err == f"error: {path} is an SD file; expected SMILES strings\n"
    assert main(command.format(written("", "none.smi"), good=good).split()) == 2
    assert capsys.readouterr().err.endswith("none.smi is empty; expected SMILES strings, one a line\n")
