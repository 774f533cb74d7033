"""What may import what, and what nobody may write: each rule on every file, and on a planted violation."""
import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CODE = [ROOT / "app.py", *sorted(path for name in ("rvc", "tabs", "setup") for path in (ROOT / name).rglob("*.py"))]
FILES = {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text("utf-8")) for path in CODE}
HEAVY = {"torch", "torchaudio", "numpy", "scipy", "librosa", "faiss", "soundfile", "sounddevice", "transformers"}
MUSICIANS = ("content", "f0", "retrieval", "synthesis")
SHARED = {"rvc.f0.track.coarse", "rvc.f0.track.COARSE_BINS"}  # the bins of the pitch embedding: synthesis needs them
FOLDERS = {"logs", "pretrained", "datasets", "cache", "configs", "assets"}
HARDWARE = {"torch.cuda.is_available", "torch.cuda.device_count", "torch.backends.mps.is_available",
            "torch.cuda.get_device_capability", "torch.cuda.get_arch_list"}
BANNED_CALLS = {"eval", "exec", "torch.load", "os.system", "os.chdir", "faiss.read_index"}
BANNED_FLAGS = {("shell", True), ("allow_pickle", True), ("strict", False)}


def imports(tree: ast.AST) -> Iterator[str]:
    """Dotted names of everything imported anywhere, with what is taken out of it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def at_import(tree: ast.Module) -> Iterator[ast.AST]:
    """Statements that run when the module is imported, but for those that only a type checker reads."""
    for node in tree.body:
        typing_only = isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
        if not typing_only:
            yield node


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def within(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


def library_knows_no_page(path, tree):
    return path.startswith("rvc/") and [name for name in imports(tree) if within(name, "gradio", "tabs", "app")]


def page_knows_no_arrays(path, tree):
    return path.startswith(("tabs/", "app.py")) and [name for name in imports(tree) if name.partition(".")[0] in HEAVY]


def conversion_and_training_are_strangers(path, tree):
    other = {"rvc/conversion/": "rvc.training", "rvc/training/": "rvc.conversion"}
    return [name for start, package in other.items() if path.startswith(start)
            for name in imports(tree) if within(name, package)]


def musicians_are_strangers(path, tree):
    own = path.split("/")[1] if path.startswith("rvc/") else ""
    forbidden = [f"rvc.{name}" for name in (*MUSICIANS, "settings", "workspace", "progress") if name != own]
    return own in MUSICIANS and [name for name in imports(tree) if within(name, *forbidden)
                                 and not (own == "synthesis" and name in SHARED)]


def packages_are_light(path, tree):
    return path.endswith("__init__.py") and [name for node in at_import(tree) for name in imports(node)
                                             if name.partition(".")[0] in HEAVY]


def only_device_asks(path, tree):
    return path != "rvc/device.py" and [name for name, _ in calls(tree) if name in HARDWARE]


def only_workspace_names_folders(path, tree):
    joined = [node.right for node in ast.walk(tree) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)]
    joined += [part for name, call in calls(tree) for part in call.args
               if name.split(".")[-1] in ("Path", "joinpath", "join")]
    return path != "rvc/workspace.py" and [part.value for part in joined if isinstance(part, ast.Constant)
                                           and str(part.value).split("/")[0] in FOLDERS]


def importing_does_nothing(path, tree):
    quiet = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.AnnAssign)
    for node in at_import(tree):
        text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        main = isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'"
        names = isinstance(node, ast.Assign) and all(isinstance(t, (ast.Name, ast.Tuple)) for t in node.targets)
        if not (isinstance(node, quiet) or text or main or names):
            yield ast.unparse(node)


def nothing_foreign_is_executed(path, tree):
    found = [name for name in imports(tree) if within(name, "pickle", "dill", "cloudpickle", "shelve", "marshal")]
    found += [name for name, _ in calls(tree) if name in BANNED_CALLS or name.split(".")[-1] == "extractall"]
    return found + [f"{name}({flag.arg}=…)" for name, call in calls(tree) for flag in call.keywords
                    if isinstance(flag.value, ast.Constant) and (flag.arg, flag.value.value) in BANNED_FLAGS]


def no_error_is_swallowed(path, tree):
    handlers = [node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler)]
    return [f"line {node.lineno}" for node in handlers
            if node.type is None or all(isinstance(step, ast.Pass) for step in node.body)]


def every_request_has_an_end(path, tree):
    return [name for name, call in calls(tree) if name.partition(".")[0] in ("requests", "httpx") and "timeout" not in
            {flag.arg for flag in call.keywords} and name.partition(".")[2] in
            ("get", "post", "put", "head", "request", "stream", "Client", "AsyncClient", "Session")]


def only_workspace_asks_where_we_are(path, tree):
    return path != "rvc/workspace.py" and [name for name, _ in calls(tree) if name.split(".")[-1] in ("getcwd", "cwd")]


def no_template_executes_what_strangers_wrote(path, tree):
    """Gradio executes ${…} in the values that {{ }} puts into an html_template."""
    return [name for name, call in calls(tree) for flag in call.keywords if flag.arg == "html_template"]


Rule = Callable[[str, ast.Module], list[str]]
PLANTED: dict[Rule, list[tuple[str, str]]] = {
    library_knows_no_page: [("rvc/x.py", "def f():\n import gradio"), ("rvc/x.py", "from tabs import voices")],
    page_knows_no_arrays: [("tabs/x.py", "def f():\n from torch import nn"), ("app.py", "import soundfile")],
    conversion_and_training_are_strangers: [("rvc/conversion/x.py", "from rvc.training import loop"),
                                            ("rvc/training/x.py", "import rvc.conversion.chunks")],
    musicians_are_strangers: [("rvc/f0/x.py", "from rvc.content import HOP"),
                              ("rvc/content/x.py", "import rvc.settings"),
                              ("rvc/synthesis/x.py", "from rvc.f0.track import F0Track"),
                              ("rvc/retrieval/x.py", "from rvc import progress")],
    packages_are_light: [("rvc/x/__init__.py", "import torch"),
                         ("rvc/__init__.py", "try:\n import numpy\nfinally: f()")],
    only_device_asks: [("rvc/pool.py", "x = torch.cuda.is_available()")],
    only_workspace_names_folders: [("rvc/x.py", "p = root / 'logs' / name"),
                                   ("tabs/x.py", "p = Path('pretrained/a.pt')")],
    importing_does_nothing: [("rvc/x.py", "os.environ['A'] = '1'"), ("rvc/x.py", "start()"),
                             ("rvc/x.py", "for a in b: a()")],
    nothing_foreign_is_executed: [("rvc/x.py", source) for source in (
        "torch.load(p)", "import pickle", "from pickle import loads", "eval('1')", "exec(code)", "os.system('ls')",
        "run(c, shell=True)", "os.chdir(p)", "z.extractall(p)", "np.load(p, allow_pickle=True)",
        "net.load_state_dict(w, strict=False)", "faiss.read_index(p)")],
    no_error_is_swallowed: [("rvc/x.py", "try:\n f()\nexcept:\n g()"),
                            ("rvc/x.py", "try:\n f()\nexcept Exception:\n pass")],
    every_request_has_an_end: [("rvc/x.py", "httpx.get(u)"), ("rvc/x.py", "httpx.Client()"),
                               ("rvc/x.py", "requests.post(u)")],
    only_workspace_asks_where_we_are: [("rvc/x.py", "os.getcwd()"), ("app.py", "p = Path.cwd()")],
    no_template_executes_what_strangers_wrote: [("tabs/x.py", "gr.HTML(html_template='{{value}}')")],
}


def complaints(rule: Rule, path: str, tree: ast.Module) -> list[str]:
    return [f"{path}: {what}" for what in rule(path, tree) or []]


@pytest.mark.parametrize("rule", PLANTED, ids=lambda rule: rule.__name__)
def test_every_file_keeps(rule):
    assert [what for path, tree in FILES.items() for what in complaints(rule, path, tree)] == []


@pytest.mark.parametrize("rule, path, source", [(rule, *plant) for rule, plants in PLANTED.items() for plant in plants])
def test_a_violation_is_found(rule, path, source):
    assert complaints(rule, path, ast.parse(source))


@pytest.mark.parametrize("path, source", [
    ("rvc/synthesis/x.py", "from rvc.f0.track import coarse"), ("rvc/device.py", "torch.cuda.is_available()"),
    ("rvc/x/__init__.py", "if TYPE_CHECKING:\n    import torch"), ("rvc/workspace.py", "p = root / 'logs'"),
    ("rvc/x.py", "network.eval()"), ("rvc/x.py", "client = httpx.Client(timeout=10)")])
def test_what_is_allowed_is_allowed(path, source):
    tree = ast.parse(f"def f():\n {source}" if "TYPE_CHECKING" not in source else source)
    assert [rule.__name__ for rule in PLANTED if complaints(rule, path, tree)] == []


def test_no_two_test_files_share_a_name():
    """pytest imports them by their names alone."""
    names = [path.name for path in (ROOT / "tests").rglob("*.py") if path.name != "conftest.py"]
    assert sorted(names) == sorted(set(names))
