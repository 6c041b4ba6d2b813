"""Takes some paths out of an OpenAPI document, with what they refer to: part.py FROM TO PATH..."""

import json
import sys


def take(node, whole, kept):
    """Keeps the components that something refers to, and what these refer to."""
    if isinstance(node, list):
        for item in node:
            take(item, whole, kept)
    elif isinstance(node, dict):
        reference = node.get("$ref")
        if isinstance(reference, str):
            _, _, kind, name = reference.split("/")
            if name not in kept.setdefault(kind, {}):
                kept[kind][name] = whole["components"][kind][name]
                take(kept[kind][name], whole, kept)
        for item in node.values():
            take(item, whole, kept)


def main():
    source, target, *paths = sys.argv[1:]
    with open(source, encoding="utf-8") as file:
        whole = json.load(file)
    part = {"openapi": whole["openapi"], "info": whole["info"], "paths": {}, "components": {}}
    for path in paths:
        get = whole["paths"][path]["get"]
        for answer in get["responses"].values():
            # An example of a link leads to the vendor's own host.
            answer.pop("headers", None)
        part["paths"][path] = {"get": get}
        take(get, whole, part["components"])
    # The document leaves out that a token is wanted.
    part["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    part["security"] = [{"token": []}]
    with open(target, "w", encoding="utf-8") as file:
        json.dump(part, file)


main()
