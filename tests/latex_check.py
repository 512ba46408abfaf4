"""Whether text is LaTeX that compiles, as far as can be told without LaTeX."""

import re


def assert_looks_like_latex(text: str) -> None:
    """Environments and braces are closed, rows have as many entries as columns, and no special character is bare."""
    assert text.isascii()
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")
    assert len(re.findall(r"(?<!\\)\$", text)) % 2 == 0
    opened = re.findall(r"\\begin\{(\w+)\}", text)
    assert sorted(opened) == sorted(re.findall(r"\\end\{(\w+)\}", text))
    body = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    assert not re.search(r"(?<!\\)[%#~]", body)
    assert not re.search(r"(?<!\\)[_^]", re.sub(r"(?<!\\)\$.*?(?<!\\)\$", "", body))
    for table in re.findall(r"\\begin\{tabular\}\{(\w+)\}(.*?)\\end\{tabular\}", body, re.DOTALL):
        for row in (line for line in table[1].splitlines() if line.endswith(r"\\") and "multicolumn" not in line):
            assert len(re.findall(r"(?<!\\)&", row)) == len(table[0]) - 1, row
    assert set(re.findall(r"\\(\w+)rule", body)) == {"top", "mid", "bottom"}  # of booktabs
