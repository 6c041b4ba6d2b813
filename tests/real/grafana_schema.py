"""Checks dashboards against the types that Grafana publishes (grafana-foundation-sdk): every property must be known, every value of its type.

The package reads any JSON without a word, since it is made for writing. But its classes say in annotations what each property may be, and their
`from_json` which property of the JSON that is: enough to hold a dashboard against them.

usage: grafana_schema.py DASHBOARD.json...    prints `file: path: what is wrong`; exit code 1 when there is anything
"""
import enum
import inspect
import json
import re
import sys
import typing

from grafana_foundation_sdk.cog import plugins, runtime, variants
from grafana_foundation_sdk.models import dashboard, prometheus

# Properties that Grafana got after the release that the package describes, by class.
NEWER = {
    # Grafana 12.2 made the pages of a table an option of the panel; before, they were part of its footer.
    "table.Options": {"enablePagination": bool},
    # Grafana 12.1 and 12.2: texts that wrap, and one way to hide a field for all panels.
    "common.TableFieldOptions": {"wrapText": bool, "wrapHeaderText": bool, "hideFrom": dict[str, bool]},
}


def main(files):
    plugins.register_default_plugins()
    wrong = [f"{file}: {error}" for file in files for error in check(load(file), dashboard.Dashboard, "")]
    print("\n".join(wrong))
    return 1 if wrong else 0


def load(file):
    with open(file, encoding="utf-8") as opened:
        return json.load(opened)


def check(value, hint, path):
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint in (object, typing.Any):
        return
    if origin is typing.Union:
        yield from check_union(value, args, path)
    elif origin is typing.Literal:
        yield from refuse(value not in args, path, value, f"one of {', '.join(map(str, args))}")
    elif origin is list:
        yield from refuse(not isinstance(value, list), path, value, "a list")
        for index, one in enumerate(value if isinstance(value, list) else []):
            yield from check(one, args[0], f"{path}[{index}]")
    elif origin is dict:
        yield from refuse(not isinstance(value, dict), path, value, "an object")
        for key, one in (value.items() if isinstance(value, dict) else []):
            yield from check(one, args[1], f"{path}.{key}")
    elif isinstance(hint, type) and issubclass(hint, enum.Enum):
        known = [one.value for one in hint]
        yield from refuse(value not in known, path, value, f"one of {', '.join(map(str, known))}")
    elif hint is variants.Dataquery:
        yield from check(value, prometheus.Dataquery, path)
    elif hasattr(hint, "from_json"):
        yield from check_object(value, hint, path)
    else:
        yield from check_plain(value, hint, path)


def refuse(is_wrong, path, value, expected):
    if is_wrong:
        yield f"{path or 'dashboard'}: {json.dumps(value)[:80]} is not {expected}"


def check_plain(value, hint, path):
    # A number may be written whole; True is an int to Python and none to Grafana.
    accepted = {float: (int, float), int: (int,), str: (str,), bool: (bool,), type(None): (type(None),)}[hint]
    fits = isinstance(value, accepted) and (hint is bool or not isinstance(value, bool))
    yield from refuse(not fits, path, value, f"of type {hint.__name__}")


def check_union(value, hints, path):
    if {dashboard.Panel, dashboard.RowPanel} == set(hints):
        hints = [dashboard.RowPanel if isinstance(value, dict) and value.get("type") == "row" else dashboard.Panel]
    attempts = [list(check(value, hint, path)) for hint in hints if value is None or hint is not type(None)]
    if all(attempts):
        # The mistakes of the alternative that fits best.
        yield from min(attempts, key=len)


def check_object(value, hint, path):
    if not isinstance(value, dict):
        yield from refuse(True, path, value, f"an object ({name(hint)})")
        return
    known = properties(hint)
    if hint is dashboard.Panel:
        known |= of_panel(value)
        yield from check_overrides(value, path)
    for key, one in value.items():
        if key in known:
            yield from check(one, known[key], f"{path}.{key}".lstrip("."))
        else:
            yield f"{path}.{key}".lstrip(".") + f": {name(hint)} has no such property"
    if hint is dashboard.Panel:
        custom = value.get("fieldConfig", {}).get("defaults", {}).get("custom", {})
        hook = plugin(value).field_config_from_json_hook
        yield from check(custom, hook.__self__ if hook else dict[str, typing.Never], f"{path}.fieldConfig.defaults.custom")


def name(hint):
    return f"{hint.__module__.rsplit('.', 1)[-1]}.{hint.__name__}"


def properties(hint):
    """Names in JSON and types."""
    hints = typing.get_type_hints(hint, vars(sys.modules[hint.__module__]))
    pairs = re.findall(r'if "(\w+)" in data:.*?args\["(\w+)"\]', inspect.getsource(hint.from_json), re.DOTALL)
    # What tells the members of a union apart is a constant of the class.
    known = {key: hints[attribute] for key, attribute in pairs} | NEWER.get(name(hint), {})
    if "type_val" in hints and "type" not in known:
        constant = hint().type_val
        known["type"] = typing.Literal[constant.value if isinstance(constant, enum.Enum) else constant]
    return known


def plugin(panel):
    config = runtime.Runtime().panelcfg_config(panel.get("type", ""))
    if config is None:
        sys.exit(f"no panel of Grafana's: {panel.get('type')}")
    return config


def of_panel(panel):
    return {"options": plugin(panel).options_from_json_hook.__self__}


def check_overrides(panel, path):
    hook = plugin(panel).field_config_from_json_hook
    custom = properties(hook.__self__) if hook else {}
    standard = properties(dashboard.FieldConfig)
    for index, override in enumerate(panel.get("fieldConfig", {}).get("overrides", [])):
        for one in override.get("properties", []):
            where = f"{path}.fieldConfig.overrides[{index}].{one.get('id')}"
            key = one.get("id", "")
            known = custom if key.startswith("custom.") else standard
            key = key.removeprefix("custom.")
            if key in known:
                yield from check(one.get("value"), known[key], where)
            else:
                yield f"{where}: no such property of a {panel.get('type')}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
