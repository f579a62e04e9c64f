"""How the package hangs together: imports go one way, and importing it costs next to nothing."""

from __future__ import annotations

import ast
import inspect
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import flask_stream
from tests.conftest import ROOT

PACKAGE = ROOT / "flask_stream"

# In the order in which to read them: each imports only from those above it.
ORDER = [
    "errors",
    "texts",
    "event_checks",
    "events",
    "pieces",
    "result",
    "batches",
    "sse",
    "credentials",
    "told",
    "process",
    "waiting",
    "giving_way",
    "handover",
    "greenlet_executor",
    "unheld",
    "event_loop",
    "providers.names",
    "providers.depth",
    "providers.growing_json",
    "providers.partial",
    "providers.digits",
    "providers.errors",
    "providers.error_fields",
    "providers.stop_reasons",
    "providers.turn",
    "providers.tool_calls",
    "providers.shapes",
    "providers.not_streams",
    "providers.source",
    "providers.libraries",
    "providers.library_errors",
    "providers.shown",
    "providers.tool_values",
    "providers.stacks",
    "providers.blocked",
    "providers.lent",
    "providers.surrogates",
    "providers.prose",
    "providers.under_way",
    "providers.ollama",
    "reading",
    "async_streams",
    "bridging",
    "providers.reader",
    "providers.cohere",
    "providers.google_content",
    "providers.google",
    "providers.bedrock_blocks",
    "providers.bedrock",
    "providers.langchain_sum",
    "providers.langchain_message",
    "providers.langchain_messages",
    "providers.langchain_errors",
    "providers.langchain",
    "providers.langgraph",
    "providers.pydantic_ai_parts",
    "providers.pydantic_ai",
    "providers.cut_json",
    "providers.anthropic",
    "providers.chat_message",
    "providers.chat_calls",
    "providers.executed_tools",
    "providers.openai_chat",
    "providers.responses_output",
    "providers.responses_calls",
    "providers.openai_responses",
    "providers.mistral_conversations",
    "providers.stray",
    "providers.unpack",
    "providers.blocks",
    "providers.wire",
    "providers.openai_agents",
    "providers.llamaindex_answers",
    "providers.llamaindex_agents",
    "providers.llamaindex",
    "providers.claude_agent",
    "providers.library_stream",
    "providers.over_requests",
    "providers.http_responses",
    "providers.plain",
    "unrun",
    "channel",
    "providers.events_reader",
    "providers.over_async",
    "providers.adapt",
    "providers.relay",
    "providers",
    "sources",
    "failed",
    "signals",
    "run",
    "server",
    "formats.base",
    "formats.native",
    "formats.text",
    "formats.json",
    "formats.page",
    "formats.negotiate",
    "formats",
    "advice",
    "words",
    "delivery",
    "logs.log",
    "logs.memory",
    "logs.sqlite_file",
    "logs.sqlite",
    "logs.redis_scripts",
    "logs.redis_server",
    "logs.redis",
    "logs",
    "detached.stored",
    "detached.feed",
    "detached.dying",
    "detached.reading",
    "detached.writing",
    "detached.producing",
    "detached.following",
    "detached.keeper",
    "detached",
    "limits",
    "watch",
    "origins",
    "config",
    "caches",
    "route",
    "call",
    "sites",
    "owners",
    "once",
    "attempts",
    "complete",
    "returned",
    "prepared",
    "asker",
    "body",
    "streamed",
    "asking",
    "beginning",
    "carried",
    "owned",
    "positions",
    "wanted",
    "follow",
    "refusals",
    "response",
    "resumable",
    "app_state",
    "cli",
    "publishing",
    "dispatch",
    "web",
    "turns",
    "asked",
    "chat",
    "extension",  # its init_app registers web's blueprint
    "testing.log_case",
    "testing.log_runs",
    "testing.log_rows",
    "testing.log_contract",
    "testing",
    "",  # the package itself
]
# They make requests' answers; the others are given what they need of Flask's.
THE_ONES_THAT_IMPORT_FLASK = {
    *("words", "call", "attempts", "complete", "returned", "refusals"),
    *("body", "streamed", "response"),
    *(
        "owners",
        "carried",
        "owned",
        "follow",
        "resumable",
        "publishing",
    ),  # runs that outlive their request
    *("app_state", "cli", "dispatch", "web", "turns", "asked", "chat", "extension"),
}
NEVER_AT_IMPORT = {
    *("anthropic", "openai", "requests", "sseclient", "redis", "urllib3"),
    *("httpx", "httpx2", "httpcore", "httpcore2", "pydantic", "gunicorn", "gevent"),
    "asyncio",  # which costs more than Flask-Stream does
}


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


FILES = {module_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def statements(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes, but those that only a type checker looks at."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        yield from statements(node)


def imports_of(module: str) -> Iterator[str]:
    """What a module imports, anywhere in it; the package's own as `.name`."""
    path = FILES[module]
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    package = [part for part in package if part]
    for node in statements(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ""
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1]
            base += node.module.split(".") if node.module else []
            for alias in node.names:
                inner = ".".join([*base, alias.name])
                yield "." + (inner if inner in FILES else ".".join(base))


def test_every_module_has_its_place_in_the_order() -> None:
    assert sorted(FILES) == sorted(ORDER)


@pytest.mark.parametrize("module", sorted(set(ORDER) & set(FILES)))
def test_a_module_imports_only_from_modules_above_it(module: str) -> None:
    above = ORDER[: ORDER.index(module)]
    ours = {name[1:] for name in imports_of(module) if name.startswith(".")}
    assert sorted(ours - set(above)) == []


def test_only_the_modules_that_answer_requests_import_flask() -> None:
    importing = {
        module
        for module in FILES
        if any(name.partition(".")[0] == "flask" for name in imports_of(module))
    }
    assert importing == THE_ONES_THAT_IMPORT_FLASK


@pytest.mark.parametrize("module", sorted(FILES))
def test_no_module_names_an_sdk_or_a_client_at_import_time(module: str) -> None:
    tree = ast.parse(FILES[module].read_text("utf-8"))
    for node in statements(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = []  # there, it may: an extra that is really needed
    names = {
        alias.name if isinstance(node, ast.Import) else (node.module or "")
        for node in statements(tree)
        if isinstance(node, ast.Import) or (isinstance(node, ast.ImportFrom) and not node.level)
        for alias in node.names
    }
    assert {name.partition(".")[0] for name in names} & NEVER_AT_IMPORT == set()


@pytest.mark.parametrize("module", sorted(FILES))
def test_a_module_can_be_read_in_one_go_and_says_what_it_is(module: str) -> None:
    text = FILES[module].read_text("utf-8")
    assert len(text.splitlines()) <= 350
    assert ast.get_docstring(ast.parse(text))


# -- a fresh process --------------------------------------------------------------------


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A process's, in which modules are compiled once and their bytecode is kept."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(tmp_path_factory.mktemp("bytecode"))}


def python(code: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def test_importing_it_loads_no_sdk_and_no_client(environment: dict[str, str]) -> None:
    code = "import sys, flask_stream; print(*sys.modules)"
    loaded = {name.partition(".")[0] for name in python(code, environment).split()}
    assert "flask" in loaded
    assert loaded & NEVER_AT_IMPORT == set()


# -- the public face --------------------------------------------------------------------


def test_all_names_what_is_there_in_order_and_nothing_private() -> None:
    assert flask_stream.__all__ == sorted(flask_stream.__all__)
    assert all(hasattr(flask_stream, name) for name in flask_stream.__all__)
    ours = {
        name
        for name, value in vars(flask_stream).items()
        if not name.startswith("_") and not hasattr(value, "__path__") and name not in FILES
    }
    assert ours == set(flask_stream.__all__)


@pytest.mark.parametrize("name", flask_stream.__all__)
def test_a_public_name_is_documented(name: str) -> None:
    value = getattr(flask_stream, name)
    if name.startswith("stream_"):  # a signal: its docstring stands below it, for readers
        text = FILES["signals"].read_text("utf-8")
        assert '"""' in text.partition(f"\n{name} = ")[2].splitlines()[1]
        return
    own = vars(value).get("__doc__") if isinstance(value, type) else value.__doc__
    assert own
    assert not own.startswith(f"{name}("), "dataclass wrote this itself"


def test_public_methods_are_documented() -> None:
    undocumented = [
        f"{name}.{attribute}"
        for name in flask_stream.__all__
        for attribute, member in inspect.getmembers(getattr(flask_stream, name))
        if isinstance(getattr(flask_stream, name), type)
        if not attribute.startswith("_") and callable(member) and not inspect.getdoc(member)
    ]
    assert undocumented == []


def test_the_version_is_the_distributions() -> None:
    from importlib.metadata import version

    assert flask_stream.__version__ == version("flask-stream-sse")


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"flask_stream.*no_such_name"):
        _ = flask_stream.no_such_name


def test_type_checkers_are_told_that_it_is_typed() -> None:
    assert (PACKAGE / "py.typed").exists()
