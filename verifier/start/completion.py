"""`completion`: a script by which a shell completes commands, options and words. It is written once, from the parser, and starts no Python."""

from __future__ import annotations

import argparse

from verifier.report.catalogue import CATALOGUE
from verifier.report.draw import FORMATS
from verifier.report.glossary import WORDS

BASH = """\
# Completion of verifier. In ~/.bashrc: eval "$(verifier completion bash)"
_verifier() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}" command="check" list="" start="" i file
    for (( i = 1; i < COMP_CWORD; i++ )); do
        case " {commands} " in *" ${{COMP_WORDS[i]}} "*) command="${{COMP_WORDS[i]}}"; break ;; esac
    done
    if [[ "$word" == "=" ]]; then word=""; elif [[ "$before" == "=" ]]; then before="${{COMP_WORDS[COMP_CWORD-2]}}"; fi  # bash takes --format=junit for three words
    while [[ "$word" == *=* ]]; do before="${{word%%=*}}" start="$start${{word%%=*}}=" word="${{word#*=}}"; done  # zsh for one
    case "$command $before" in
{values}
    esac
    if [[ -n "$list" ]]; then
        COMPREPLY=($(compgen -P "$start" -W "$list" -- "$word"))
        return
    fi
    if [[ -z "$start" ]]; then
        case "$command" in
{options}
        esac
        if (( COMP_CWORD == 1 )); then list="$list {commands} --help --version"; fi
        if [[ "$word" != -* && "$command" != explain && "$command" != completion && COMP_CWORD -gt 1 ]]; then list=""; fi
    fi
    COMPREPLY=($(compgen -W "$list" -- "$word"))
    if [[ "$word" != -* && "$command" != explain && "$command" != completion ]]; then
        while IFS= read -r file; do COMPREPLY+=("$start$file"); done < <(compgen -f -- "$word")
    fi
}}
complete -o filenames -o bashdefault -F _verifier verifier
"""
ZSH = """\
# Completion of verifier. In ~/.zshrc: eval "$(verifier completion zsh)"
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
autoload -Uz bashcompinit && bashcompinit
"""
FISH = "# Completion of verifier. In ~/.config/fish/config.fish: verifier completion fish | source\n"


def script(shell: str, commands: dict[str, argparse.ArgumentParser]) -> str:
    """The script for bash, zsh or fish."""
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](commands)


def _words(command: str, parser: argparse.ArgumentParser) -> list[str]:
    """What may stand after a command beside files: its options, and words that are chosen from a list."""
    more = [str(choice) for action in parser._actions if not action.option_strings for choice in action.choices or ()]  # noqa: SLF001
    return [*options(parser), *more, *(explained() if command == "explain" else ())]


def options(parser: argparse.ArgumentParser) -> list[str]:
    """The long options of a command."""
    return [name for action in parser._actions for name in action.option_strings if name.startswith("--")]  # noqa: SLF001


def _values(parser: argparse.ArgumentParser) -> dict[str, list[str]]:
    """The words from which the value of an option of a command is chosen."""
    found: dict[str, list[str]] = {}
    for action in parser._actions:  # noqa: SLF001
        for option in action.option_strings:
            if action.choices or option == "--format":
                found[option] = [str(choice) for choice in action.choices or FORMATS]
    return found


def explained() -> list[str]:
    """What `explain` takes as one word."""
    return [*CATALOGUE, *(kind.name for kind in CATALOGUE.values()), *(word for word in WORDS if " " not in word)]


def _bash(commands: dict[str, argparse.ArgumentParser]) -> str:
    rows = "\n".join(f'            {name}) list="{" ".join(_words(name, parser))}" ;;' for name, parser in commands.items())
    values = "\n".join(f'        "{name} {option}") list="{" ".join(chosen)}" ;;' for name, parser in commands.items() for option, chosen in _values(parser).items())
    return BASH.format(commands=" ".join(commands), options=rows, values=values)


def _zsh(commands: dict[str, argparse.ArgumentParser]) -> str:
    return ZSH + "".join(_bash(commands).partition("\n")[1:])


def _fish(commands: dict[str, argparse.ArgumentParser]) -> str:
    names = " ".join(commands)
    rows = [f"complete -c verifier -n 'not __fish_seen_subcommand_from {names}' -a '{name}'" for name in commands]
    for name, parser in commands.items():
        values = _values(parser)
        seen = f"'__fish_seen_subcommand_from {name}'"
        for action in parser._actions:  # noqa: SLF001
            for option in (o for o in action.option_strings if o.startswith("--")):
                takes = "" if action.nargs == 0 else f" -x -a '{' '.join(values[option])}'" if option in values else " -r"
                rows.append(f"complete -c verifier -n {seen} -l {option[2:]}{takes} -d {_quoted(action.help or '')}")
        words = [w for w in _words(name, parser) if not w.startswith("-")]
        if words:
            rows.append(f"complete -c verifier -n {seen} -f -a '{' '.join(words)}'")
    return FISH + "\n".join(rows) + "\n"


def _quoted(text: str) -> str:
    """A text in single quotes of fish, its first clause only."""
    return "'" + text.partition(":")[0].partition(" (")[0].replace("%%", "%").replace("\\", "\\\\").replace("'", "\\'") + "'"
