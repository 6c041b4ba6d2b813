"""Holds OSCAL files against NIST's schema, and has compliance-trestle load them.

usage: oscal.py SCHEMA FILE...    prints `file: what is wrong`; exit code 1 when there is anything

trestle 5.2.0 knows OSCAL up to 1.2.1 and refuses any later number, whatever is in the file: it is given the same file as of 1.2.1. The schema, which is of
1.2.2, is given the file as it is.
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

from trestle.oscal import OSCAL_VERSION
from trestle.oscal.assessment_results import AssessmentResults
from trestle.oscal.component import ComponentDefinition

MODELS = {"assessment-results": AssessmentResults, "component-definition": ComponentDefinition}
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def main(schema, files):
    wrong = [f"{file}: {error}" for file in files for error in check(schema, pathlib.Path(file))]
    print("\n".join(wrong))
    return 1 if wrong else 0


def check(schema, file):
    validator = [sys.executable, "-m", "check_jsonschema", "--schemafile", schema, str(file)]
    validated = subprocess.run(validator, capture_output=True, text=True)
    if validated.returncode:
        yield f"the schema refuses it: {validated.stdout}{validated.stderr}"
    document = json.loads(file.read_text())
    (name, content), = document.items()
    content["metadata"]["oscal-version"] = OSCAL_VERSION
    try:
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder) / "copy.json"
            copy.write_text(json.dumps(document))
            if MODELS[name].oscal_read(copy) is None:
                yield "trestle finds nothing in it"
    except Exception as error:  # What it says is what is wrong.
        yield f"trestle refuses it: {error}"
    yield from references(document)


def references(document):
    """An id that is given twice, or one that is referred to and given to nothing: the schema says neither."""
    given, named = [], []

    def walk(value, key):
        if isinstance(value, dict):
            for inner, below in value.items():
                walk(below, inner)
        elif isinstance(value, list):
            for below in value:
                walk(below, key)
        elif isinstance(value, str) and key == "uuid":
            given.append(value)
        elif isinstance(value, str) and (key.endswith("-uuid") or key == "href" and value.startswith("#")):
            named.append(value.lstrip("#"))

    walk(document, "")
    yield from (f"{uuid} is given twice" for uuid in sorted({uuid for uuid in given if given.count(uuid) > 1}))
    yield from (f"{uuid} is no UUID" for uuid in given if not UUID.fullmatch(uuid))
    yield from (f"nothing is {uuid}" for uuid in sorted(set(named) - set(given)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
