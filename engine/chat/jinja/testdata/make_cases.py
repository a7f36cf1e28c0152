"""Writes cases.json: what Python's jinja2 makes of small templates.

    pip install jinja2==3.1.6 && python3 make_cases.py > cases.json

The environment is the one of transformers' apply_chat_template.
"""
import json
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2 import nodes


class Generation(Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_run"), [], [], body).set_lineno(line)

    def _run(self, caller):
        return caller()


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def raise_exception(message):
    raise ValueError(message)


env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
env.filters["tojson"] = tojson
env.globals["raise_exception"] = raise_exception

context = {
    "s": "Hello, World", "u": "naïve 日本語 🦙", "n": 7, "f": 2.5, "neg": -7, "big": 12345678901234567890,
    "l": [3, 1, 2], "e": [], "d": {"b": 1, "a": {"x": [1, 2.0, None, True]}}, "t": True, "none": None,
    "people": [{"name": "Bob", "age": 3, "tags": ["x"]}, {"name": "alice", "age": 30}, {"name": "Cy", "age": 3}],
    "html": "<a href=\"x\">'&'</a>", "lines": "one\ntwo\n\nthree\n",
}
templates = open("templates.txt", encoding="utf-8").read().rstrip("\n").split("\n---\n")
cases = []
for template in templates:
    case = {"template": template}
    try:
        case["out"] = env.from_string(template).render(**context)
    except Exception as e:
        case["error"] = type(e).__name__
    cases.append(case)
print(json.dumps({"context": context, "cases": cases}, ensure_ascii=False, indent=1))
