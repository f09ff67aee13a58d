"""What filters, tests and lookups give, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deployer.config.templates.templar import Templar, Templates
from deployer.config.vault import VaultSecret, VaultSecrets, encrypt
from deployer.diagnostics import Problems
from deployer.nodes import Mapping, is_secret
from tests.config.helpers import SENTINEL, complaints, mapping, rendered, templar, tree

VARIABLES = """\
tag: 1.4.2
n: 5
d: {a: 1, b: [1, 2]}
e: {b: [2, 3], c: {x: 1}}
items: [{key: a, value: 1}, {key: b, value: 2}]
words: [b, a, b, A]
nested: [1, [2, [3, null]], []]
users: [{name: u, keys: [k1, k2]}, {name: v, keys: []}]
"""


def result(expression: str, using: Templar | None = None) -> object:
    made = rendered(json.dumps({"key": "{{ " + expression + " }}"}), using or templar(VARIABLES))
    assert isinstance(made, dict)
    return made["key"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("'' | default('x', true)", "x"),
        ("d.a | mandatory", 1),
        ("'yes' | bool", True),
        ("'Off' | bool", False),
        ("1 | bool", True),
        ("none | bool", None),
        ("'5' | int", 5),
        ("'x' | int(7)", 7),
        ("'2.5' | float", 2.5),
        ("n | string", "5"),
        ("d | to_json", '{"a": 1, "b": [1, 2]}'),
        ("{'b': 1, 'a': {}} | to_nice_json", '{\n    "a": {},\n    "b": 1\n}'),
        ("'ö' | to_json", '"\\u00f6"'),
        ("'ö' | to_json(ensure_ascii=false)", '"ö"'),
        ("'{\"a\": [1.5]}' | from_json", {"a": [1.5]}),
        ("d | to_yaml", "a: 1\nb: [1, 2]\n"),
        ("d | to_nice_yaml(indent=2)", "a: 1\nb:\n- 1\n- 2\n"),
        ("tag | to_nice_yaml", "1.4.2\n...\n"),
        ("'a: on\nb: 3.10' | from_yaml", {"a": "on", "b": "3.10"}),
        ("'hé' | b64encode", "aMOp"),
        ("'aMOp' | b64decode", "hé"),
        ("'foo-1' | regex_replace('(\\d)', 'n\\\\1')", "foo-n1"),
        ("'aAa' | regex_replace('a', 'x', ignorecase=true)", "xxx"),
        ("'aaa' | regex_replace('a', 'b', count=2)", "bba"),
        ("'web12' | regex_search('\\d+')", "12"),
        ("'web' | regex_search('\\d+')", None),
        ("'web12' | regex_search('([a-z]+)(?P<n>\\d+)', '\\\\1', '\\\\g<n>')", ["web", "12"]),
        ("'a1b2' | regex_findall('\\d')", ["1", "2"]),
        ("'a.b*' | regex_escape", "a\\.b\\*"),
        ("'a.b(' | regex_escape('posix_basic')", "a\\.b("),
        ("'a,b' | split(',')", ["a", "b"]),
        ("' a  b ' | split", ["a", "b"]),
        ("d | combine(e)", {"a": 1, "b": [2, 3], "c": {"x": 1}}),
        ("d | combine({'b': [9]}, e, list_merge='append')", {"a": 1, "b": [1, 2, 9, 2, 3], "c": {"x": 1}}),
        ("d | combine(e, list_merge='keep')", {"a": 1, "b": [1, 2], "c": {"x": 1}}),
        ("d | combine(e, list_merge='prepend')", {"a": 1, "b": [2, 3, 1, 2], "c": {"x": 1}}),
        ("d | combine(e, list_merge='append_rp')", {"a": 1, "b": [1, 2, 3], "c": {"x": 1}}),
        ("d | combine(e, list_merge='prepend_rp')", {"a": 1, "b": [2, 3, 1], "c": {"x": 1}}),
        ("e | combine({'c': {'y': 2}}, recursive=true)", {"b": [2, 3], "c": {"x": 1, "y": 2}}),
        ("e | combine({'c': {'y': 2}})", {"b": [2, 3], "c": {"y": 2}}),
        ("[d, {'a': 2}] | combine", {"a": 2, "b": [1, 2]}),
        ("{'a': 1} | dict2items", [{"key": "a", "value": 1}]),
        ("{'a': 1} | dict2items('k', 'v')", [{"k": "a", "v": 1}]),
        ("items | items2dict", {"a": 1, "b": 2}),
        ("nested | flatten", [1, 2, 3]),
        ("nested | flatten(levels=1)", [1, 2, [3, None]]),
        ("nested | flatten(skip_nulls=false)", [1, 2, 3, None]),
        ("words | unique", ["b", "a", "A"]),
        ("words | unique(case_sensitive=false)", ["b", "a"]),
        ("users | unique(attribute='name') | length", 2),
        ("[1, 2] | union([2, 3])", [1, 2, 3]),
        ("[{'a': 1}, 2] | union([{'a': 1}, 3])", [{"a": 1}, 2, 3]),
        ("[1, 2, 2] | intersect([2])", [2]),
        ("[1, 2, 3] | difference([2])", [1, 3]),
        ("[1, 2] | zip(['a', 'b', 'c'])", [[1, "a"], [2, "b"]]),
        ("[1, 2] | product(['a'])", [[1, "a"], [2, "a"]]),
        ("users | subelements('keys') | map('last')", ["k1", "k2"]),
        ("'a' | extract(d)", 1),
        ("'c' | extract(e, 'x')", 1),
        ("'x' | hash('sha256')", "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"),
        ("'x' | hash", "11f6ad8ec52a2984abaafd7c3b516503785c2072"),
        ("'x' | checksum == ('x' | sha1)", True),
        ("'x' | md5", "9dd4e461268c8034f5c8564e155c67a6"),
        ("'/a/b.tar.gz' | basename", "b.tar.gz"),
        ("'/a/b' | dirname", "/a"),
        ("'/a/./b/../c' | realpath", "/a/c"),
        ("'a.tar.gz' | splitext", ["a.tar", ".gz"]),
        ("['/a', 'b'] | path_join", "/a/b"),
        ("'~/x' | expanduser == '~/x'", False),
        ("'it''s' ~ '' | quote", "its''"),
        ("'a b' | quote", "'a b'"),
        ("true | ternary('a', 'b')", "a"),
        ("none | ternary('a', 'b', 'c')", "c"),
        ("'one\n\ntwo' | comment", "#\n# one\n#\n# two\n#"),
        ("'x' | comment('c')", "//\n// x\n//"),
        ("'x' | comment('cblock')", "/*\n *\n * x\n *\n */"),
        ("'x' | comment('xml')", "<!--\n -\n - x\n -\n-->"),
        ("'x' | comment(decoration='; ')", ";\n; x\n;"),
        ("10 | random(seed='s') == 10 | random(seed='s')", True),
        ("[1, 2, 3] | random(seed=inventory_hostname) in [1, 2, 3]", True),
        ("'10M' | human_to_bytes", 10 * 1024**2),
        ("'1.5 GB' | human_to_bytes", 1610612736),
        ("'10' | human_to_bytes('K')", 10240),
        ("'8Mb' | human_to_bytes(isbits=true)", 8 * 1024**2),
        ("'https://u@h:8/p?q' | urlsplit('port')", 8),
        ("tag | type_debug", "str"),
        ("d | type_debug", "dict"),
        ("d | ansible.builtin.combine({'a': 3}) | ansible.builtin.to_json", '{"a": 3, "b": [1, 2]}'),
        ("'a' | upper | ansible.builtin.b64encode", "QQ=="),
    ],
)
def test_filters(expression: str, expected: object) -> None:
    assert result(expression) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("'web1' is match('web')", True),
        ("'my web' is match('web')", False),
        ("'my web' is search('WEB', ignorecase=true)", True),
        ("'abc' is regex('b')", True),
        ("'abc' is regex('b', match_type='fullmatch')", False),
        ("'1.10' is version('1.9', '>')", True),
        ("'1.2' is version('1.2.0', '<')", True),
        ("'1.2rc1' is version('1.2.1', 'lt')", True),
        ("'2' is version('2', '==')", True),
        ("tag is version('1.4.10', 'le')", True),
        ("'1.0.0-rc.1' is version('1.0.0', '<', version_type='semver')", True),
        ("'1.0.0-rc.2' is version('1.0.0-rc.10', '<', version_type='semver')", True),
        ("[1] is subset([1, 2])", True),
        ("[1, 3] is subset([1, 2])", False),
        ("[1, 2] is superset([1])", True),
        ("'yes' is truthy(convert_bool=true)", True),
        ("'no' is truthy(convert_bool=true)", False),
        ("'' is falsy", True),
        ("1 in [1]", True),
        ("'a' in d", True),
        ("d is contains('a')", True),
        ("[true, 1] is all", True),
        ("[false, 0] is any", False),
        ("nope is defined", False),
        ("nope is undefined", True),
        ("d is mapping and tag is string and n is number", True),
        ("'/' is directory and '/' is exists and '/' is abs", True),
        ("tag is ansible.builtin.version('1', '>')", True),
    ],
)
def test_tests(expression: str, expected: bool) -> None:
    assert result(expression) is expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("'maybe' | bool", "bool: text is neither true nor false here"),
        ("5 | random", "random requires a seed: random(seed=inventory_hostname)"),
        ("d | combine(5)", "combine: expected a mapping, got a number"),
        (
            "d | combine(e, list_merge='x')",
            "combine: list_merge must be one of replace, keep, append, prepend, append_rp, prepend_rp",
        ),
        ("[1] | items2dict", "items2dict: expected a list of {key, value} mappings"),
        ("[1] | dict2items", "dict2items: expected a mapping, got a list"),
        ("'x' | hash('md99')", "there is no hash 'md99'"),
        (
            "'a: [' | from_yaml",
            "from_yaml: text:2:1: not valid YAML: did not find expected node content while parsing a flow node",
        ),
        ("'x' | human_to_bytes", "human_to_bytes: 'x' is not a size such as 10M or 1.5 GB"),
        ("'x' | comment('basic')", "comment: unknown style 'basic'; supported: plain, c, cblock, xml"),
        (
            "'1' is version('1', '~')",
            "version: '~' is not a comparison; supported: ==, =, eq, !=, <>, ne, >, gt, >=, ge, <, lt, <=, le",
        ),
        (
            "'pw' | password_hash",
            "password_hash: 'sha512' is not supported; use password_hash('bcrypt', salt), "
            "or keep a hash made by `openssl passwd -6` in a vault",
        ),
        (
            "'pw' | password_hash('bcrypt')",
            "password_hash needs a salt of 22 characters out of ./A-Za-z0-9, or every run would differ: "
            "password_hash('bcrypt', salt)",
        ),
        ("'x' | regex_search('x', '1')", "regex_search: '1' is not a group; write '\\1' or '\\g<name>'"),
        ("'x' | regex_escape('perl')", "regex_escape: unknown re_type 'perl'; supported: python, posix_basic"),
        (
            "'x' | urlsplit('prot')",
            "urlsplit: there is no part 'prot'; supported: scheme, netloc, path, query, fragment, "
            "username, password, hostname, port",
        ),
        ("'x' is regex('x', match_type='all')", "regex: match_type must be one of search, match, fullmatch"),
        (
            "'1' is version('1', version_type='pep440')",
            "version: version_type must be one of loose, semver, semantic",
        ),
        ("'1' is version('1', version_type='semver')", "version: '1' is not a semantic version such as 1.2.3"),
        ("users | subelements('nope')", "subelements: an item has no list at 'nope'"),
        ("now()", "now() is not available: every run would create a different plan; pass the time with -e"),
        (
            "lookup('password', '/dev/null')",
            "lookup 'password': /dev/null keeps no password, so every run would differ",
        ),
        (
            "lookup('pipe', 'date')",
            "lookup 'pipe' runs a program while planning: date; allow it with --allow-commands, or pass the "
            "value with -e or an environment variable",
        ),
        ("lookup('nope')", "there is no lookup 'nope'"),
        ("lookup('ansible.builtin.evn', 'X')", "there is no lookup 'ansible.builtin.evn'; did you mean 'env'?"),
    ],
)
def test_errors_of_filters_and_lookups(expression: str, expected: str) -> None:
    text = json.dumps({"key": "{{ " + expression + " }}"})
    assert complaints(text, templar(VARIABLES)) == [f"site.yml:1:9: key: template failed: {expected}"]


def test_password_hashes_equal_bcrypt() -> None:
    """As `htpasswd -B` writes it; the value is crypt(3)'s."""
    made = result("'x' | password_hash('bcrypt', 'aaaaaaaaaaaaaaaaaaaaau', rounds=4)")
    assert made == "$2b$04$aaaaaaaaaaaaaaaaaaaaauZLHBeYi8TNv6AlIsbJ2uljnIdnFKv1S"


@pytest.fixture
def playbook(tmp_path: Path) -> Path:
    (tmp_path / "files").mkdir()
    (tmp_path / "templates").mkdir()
    (tmp_path / "files" / "motd").write_text("  hello \n\n")
    (tmp_path / "plain.txt").write_text("beside")
    (tmp_path / "templates" / "x.j2").write_text("{{ tag }}-{{ extra | default('none') }}\n")
    (tmp_path / "secret.txt").write_text(encrypt(SENTINEL, VaultSecret("default", b"pw")))
    return tmp_path


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("lookup('env', 'HOME')", "/root"),
        ("lookup('env', 'UNSET')", ""),
        ("lookup('env', 'UNSET', default='x')", "x"),
        ("lookup('env', 'HOME', 'LANG')", "/root,C"),
        ("query('env', 'HOME', 'LANG')", ["/root", "C"]),
        ("q('env', 'HOME')", ["/root"]),
        ("lookup('env', 'HOME', wantlist=true)", ["/root"]),
        ("lookup('file', 'motd')", "  hello"),
        ("lookup('file', 'motd', rstrip=false, lstrip=true)", "hello \n\n"),
        ("lookup('ansible.builtin.file', 'plain.txt')", "beside"),
        ("lookup('file', 'none', errors='ignore')", None),
        ("lookup('template', 'x.j2')", "t-none\n"),
        ("lookup('template', 'x.j2', template_vars={'extra': 'more', 'tag': 'u'})", "u-more\n"),
        ("lookup('vars', 'tag')", "t"),
        ("lookup('vars', 'ta' ~ 'g', 'n')", ["t", 5]),
        ("lookup('vars', 'nope', default='x')", "x"),
        ("lookup('first_found', ['none', 'plain.txt']) | basename", "plain.txt"),
        ("lookup('first_found', {'files': ['none', 'x.j2'], 'paths': ['templates']}) | basename", "x.j2"),
        ("query('first_found', ['none'], skip=true)", []),
        ("query('fileglob', '*.txt') | map('basename')", ["plain.txt", "secret.txt"]),
        ("query('dict', {'a': 1})", [{"key": "a", "value": 1}]),
        ("query('items', [1, 2], [3])", [1, 2, 3]),
        ("query('together', [1, 2], ['a'])", [[1, "a"], [2, None]]),
        ("query('nested', [1, 2], ['a'])", [[1, "a"], [2, "a"]]),
        ("query('subelements', [{'n': 1, 'k': [2]}], 'k')", [[{"n": 1, "k": [2]}, 2]]),
        ("query('sequence', 'start=1 end=5 stride=2 format=web%02d')", ["web01", "web03", "web05"]),
        ("query('sequence', '3')", ["1", "2", "3"]),
        ("query('sequence', count=2, start=0)", ["0", "1"]),
        ("query('varnames', '^ta')", ["tag"]),
        ("lookup('env', 'HOME') | default('x', true)", "/root"),
    ],
)
def test_lookups(playbook: Path, expression: str, expected: object) -> None:
    using = templar("tag: t\nn: 5", base=playbook, environ={"HOME": "/root", "LANG": "C"})
    assert result(expression, using) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("lookup('file', 'none')", "template failed: lookup 'file': there is no file {base}/files/none or {base}/none"),
        ("lookup('first_found', ['a', 'b'])", "template failed: lookup 'first_found': none of these exists: a, b"),
        ("lookup('vars', 'nope')", "undefined variable 'nope'"),
        ("lookup('env', 'UNSET', default=undef())", "the environment variable UNSET is not set"),
        (
            "lookup('file', 'secret.txt')",
            "template failed: lookup 'file': {base}/secret.txt: encrypted, and no vault password is given",
        ),
        ("lookup('file', nope)", "undefined variable 'nope'"),
    ],
)
def test_lookups_that_find_nothing(playbook: Path, expression: str, expected: str) -> None:
    text = json.dumps({"key": "{{ " + expression + " }}"})
    wanted = expected.format(base=playbook)
    assert complaints(text, templar("tag: t", base=playbook)) == [f"site.yml:1:9: key: {wanted}"]


def test_an_error_in_a_looked_up_template_names_its_line(playbook: Path) -> None:
    (playbook / "templates" / "x.j2").write_text("one\n{{ nope }}\n")
    assert complaints('\'{{ lookup("template", "x.j2") }}\'', templar(base=playbook)) == [
        f"{playbook}/templates/x.j2:2:1: x.j2: undefined variable 'nope'"
    ]


def test_a_vaulted_file_and_an_environment_variable_named_like_a_secret_are_secret(playbook: Path) -> None:
    vault = VaultSecrets((VaultSecret("default", b"pw"),))
    templates = Templates(playbook, vault=vault, environ={"DB_PASSWORD": SENTINEL, "HOME": "/root", "API_KEY": "k"})
    using = Templar(mapping("pw: \"{{ lookup('file', 'secret.txt') }}\""), templates=templates)
    text = """
a: "{{ lookup('file', 'secret.txt') }}"
b: "{{ pw }}"
c: "x{{ lookup('env', 'DB_PASSWORD') }}"
d: "{{ lookup('env', 'API_KEY') }}"
e: "{{ lookup('env', 'HOME') }}"
f: "{{ {'u': lookup('env', 'HOME'), 'p': lookup('env', 'DB_PASSWORD')} }}"
"""
    made = using.render(tree(text), Problems())
    assert isinstance(made, Mapping)
    assert {name: is_secret(value) for name, value in made.items()} == {
        "a": True,
        "b": True,
        "c": True,
        "d": True,
        "e": False,
        "f": True,
    }
    assert SENTINEL not in repr(made)


def test_every_filter_has_its_name_in_the_collection_and_none_is_random() -> None:
    assert complaints("'{{ lipsum() }}'", templar()) == ["site.yml:1:1: undefined variable 'lipsum'"]
    for name in ("ansible.builtin.default", "ansible.builtin.to_json", "ansible.builtin.regex_replace"):
        problems = Problems()
        templar().check(tree(f"'{{{{ x | {name} }}}}'"), problems)
        assert problems.errors == ()
