"""The README's file tree: every module with the first line of its docstring.

.venv/bin/python -m tests.file_tree     # writes it into README.md
"""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- file tree -->\n", "<!-- end of the file tree -->\n"
FOLDERS = ("pipelines", "operators", "echoprime")


def file_tree() -> str:
    """The tree as a Markdown code block."""
    lines = []
    for folder in FOLDERS:
        for package in [ROOT / folder, *sorted(path for path in (ROOT / folder).rglob("*") if path.is_dir())]:
            if not (package / "__init__.py").exists():
                continue
            name = package.relative_to(ROOT).as_posix()
            lines.append(f"{name + '/':28} {_first_line(package / '__init__.py')}")
            modules = sorted(path for path in package.glob("*.py") if path.name != "__init__.py")
            lines += [f"  {module.name:26} {_first_line(module)}" for module in modules]
    return "```text\n" + "\n".join(lines) + "\n```\n"


def _first_line(module: Path) -> str:
    return (ast.get_docstring(ast.parse(module.read_text())) or "").partition("\n")[0]


def readme_parts() -> tuple[str, str, str]:
    """The README before, in and after the tree."""
    before, _, rest = (ROOT / "README.md").read_text().partition(BEGIN)
    tree, _, after = rest.partition(END)
    return before, tree, after


if __name__ == "__main__":
    before, _, after = readme_parts()
    (ROOT / "README.md").write_text(before + BEGIN + file_tree() + END + after)
