package main

import (
	"io"

	"github.com/urfave/cli/v2"
)

// completions are scripts that ask potion itself what can come next.
var completions = map[string]string{
	"bash": `_potion() {
  local cur=${COMP_WORDS[COMP_CWORD]} words=("${COMP_WORDS[@]:0:COMP_CWORD}")
  [[ $cur == -* ]] && words+=("$cur")
  COMPREPLY=($(compgen -W "$("${words[@]}" --generate-bash-completion 2>/dev/null)" -- "$cur"))
}
complete -o default -F _potion potion
`,
	"zsh": `#compdef potion
_potion() {
  local -a choices asked
  asked=(${words[1,CURRENT-1]})
  [[ $words[CURRENT] == -* ]] && asked+=($words[CURRENT])
  choices=("${(@f)$(_CLI_ZSH_AUTOCOMPLETE_HACK=1 ${asked} --generate-bash-completion 2>/dev/null)}")
  if [[ -n $choices[1] ]]; then _describe 'potion' choices; else _files; fi
}
compdef _potion potion
`,
	"powershell": `Register-ArgumentCompleter -Native -CommandName potion -ScriptBlock {
  param($word, $ast, $position)
  $asked = @($ast.CommandElements | Select-Object -Skip 1 | ForEach-Object { $_.ToString() })
  if ($word -and -not $word.StartsWith('-')) { $asked = @($asked | Select-Object -SkipLast 1) }
  & potion @asked --generate-bash-completion 2>$null | Where-Object { $_ -like "$word*" } |
    ForEach-Object { [System.Management.Automation.CompletionResult]::new($_) }
}
`,
}

func completionCommand() *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "print a script that completes potion's commands and flags in a shell",
		ArgsUsage: "bash|zsh|fish|powershell",
		Description: `Examples:

   source <(potion completion bash)                                     in ~/.bashrc
   source <(potion completion zsh)                                      in ~/.zshrc
   potion completion fish > ~/.config/fish/completions/potion.fish
   potion completion powershell | Out-String | Invoke-Expression        in the profile`,
		Action: func(c *cli.Context) error {
			shell := c.Args().First()
			script, ok := completions[shell]
			switch {
			case c.NArg() != 1:
				return usage("completion needs the name of a shell: bash, zsh, fish or powershell")
			case shell == "fish":
				var err error
				if script, err = c.App.ToFishCompletion(); err != nil {
					return err
				}
			case !ok:
				return usage("completion for %q is not known; want bash, zsh, fish or powershell", shell)
			}
			_, err := io.WriteString(c.App.Writer, script)
			return err
		},
	}
}
