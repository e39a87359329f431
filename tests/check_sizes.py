"""Sizes of files and functions stay what docs/architecture.md promises; run by `make check`."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MOST_LINES, MOST_FUNCTION_LINES = 500, 70
P90_LINES, P90_FUNCTION_LINES = 350, 30


def functions(path: Path) -> list[tuple[str, int]]:
    tree = ast.parse(path.read_text("utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [
        (f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", node.end_lineno - node.lineno + 1)
        for node in ast.walk(tree)
        if isinstance(node, kinds) and node.end_lineno
    ]


def percentile_90(values: list[int]) -> int:
    return sorted(values)[int(len(values) * 0.9)]


def main() -> int:
    source = sorted((ROOT / "src").rglob("*.py"))
    everything = source + sorted((ROOT / "tests").rglob("*.py"))
    lines = {path: len(path.read_text("utf-8").splitlines()) for path in everything}
    lengths = [pair for path in source for pair in functions(path)]
    problems = [f"{path}: {count} lines" for path, count in lines.items() if count > MOST_LINES]
    problems += [f"{name}: {count} lines" for name, count in lengths if count > MOST_FUNCTION_LINES]
    file_p90 = percentile_90([lines[path] for path in source])
    function_p90 = percentile_90([count for _, count in lengths])
    if file_p90 > P90_LINES:
        problems.append(f"nine of ten files have {file_p90} lines or less; wanted {P90_LINES}")
    if function_p90 > P90_FUNCTION_LINES:
        problems.append(f"nine of ten functions: {function_p90} lines; wanted {P90_FUNCTION_LINES}")
    sys.stdout.write("\n".join(problems) + "\n" if problems else "sizes: good\n")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
