package ptxtext

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

var (
	declaration = regexp.MustCompile(`\.reg\s+(\.\w+)\s+([^;]*);\s*`)
	array       = regexp.MustCompile(`^(%\w+)<(\d+)>$`)
	register    = regexp.MustCompile(`%\w+`)
)

// Prune takes registers that a kernel does not use out of its declarations: a frame
// declares what any of its formats may need. A line that declares nothing any more goes.
func Prune(ptx string) string {
	used := map[string]bool{}
	lines := strings.SplitAfter(ptx, "\n")
	for _, line := range lines {
		code, _, _ := strings.Cut(line, "//")
		for _, name := range register.FindAllString(declaration.ReplaceAllString(code, ""), -1) {
			used[name] = true
		}
	}
	var b strings.Builder
	for _, line := range lines {
		code, comment, commented := strings.Cut(line, "//")
		if !declaration.MatchString(code) {
			b.WriteString(line)
			continue
		}
		code = declaration.ReplaceAllStringFunc(code, func(d string) string { return needed(d, used) })
		switch {
		case strings.TrimSpace(code) == "":
		case commented:
			b.WriteString(code + "//" + comment)
		default:
			b.WriteString(strings.TrimRight(code, " \n") + "\n")
		}
	}
	return b.String()
}

// needed is one declaration with the registers that are used, or "".
func needed(d string, used map[string]bool) string {
	m := declaration.FindStringSubmatch(d)
	var names []string
	for _, name := range strings.Split(m[2], ",") {
		name = strings.TrimSpace(name)
		if a := array.FindStringSubmatch(name); a != nil {
			n, _ := strconv.Atoi(a[2])
			for n > 0 && !used[a[1]+strconv.Itoa(n-1)] {
				n--
			}
			if n > 0 {
				names = append(names, fmt.Sprintf("%s<%d>", a[1], n))
			}
		} else if used[name] {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return ".reg " + m[1] + " " + strings.Join(names, ", ") + "; "
}
