"""What a driver of approved templates refuses before it asks the vendor."""

from __future__ import annotations

from collections.abc import Callable

from channels.ports import Rendered
from channels.sms.template import VARIABLE_CHARS, TemplateRegistry


def send_problems(
    address: str,
    message: Rendered,
    templates: TemplateRegistry | None,
    reachable: Callable[[str], bool],
    variable_chars: int = VARIABLE_CHARS,
) -> tuple[str, str] | None:
    """A code of ours and what is wrong, or `None`. Without `templates` all of a template is the vendor's to check.
    `variable_chars` is the account's own bound where it is tighter than the usual one."""
    if not message.template_code:
        return "template_required", "only approved templates can be sent"
    if not reachable(address):
        return "number_not_supported", "mainland mobile numbers only"
    if templates is not None:
        template = templates.by_code(message.template_code)
        if template is None:
            return "template_unknown", message.template_code
        if findings := template.problems_with(message.variables):
            return "template_problem", ", ".join(f"{f.problem} {f.where}".strip() for f in findings)
        for name, value in message.variables.items():
            if len(value) > variable_chars:
                return (
                    "variable_too_long",
                    f"{name}: {len(value)} characters, this account takes {variable_chars}",
                )
    return None
