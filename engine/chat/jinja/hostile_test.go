package jinja

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// TestHostile runs templates that try to use too much or to reach out. Each
// must end soon with the named error.
func TestHostile(t *testing.T) {
	t.Parallel()
	doubling := "{% set ns = namespace(a='x') %}{% for i in range(100) %}{% set ns.a = ns.a + ns.a %}{% endfor %}"
	sharing := "{% set ns = namespace(a=[1]) %}{% for i in range(60) %}{% set ns.a = [ns.a, ns.a] %}{% endfor %}"
	nesting := "{% set ns = namespace(a=[1]) %}{% for i in range(50000) %}{% set ns.a = [ns.a] %}{% endfor %}"
	tests := []struct{ name, template, want string }{
		{"include", "{% include 'x' %}", "cannot read other files"},
		{"import", "{% import '/etc/passwd' as p %}", "cannot read other files"},
		{"from", "{% from 'x' import y %}", "cannot read other files"},
		{"extends", "{% extends 'x' %}", "cannot read other files"},
		{"long string", "{{ 'a' * 10**9 }}", "bytes"},
		{"longer string", "{{ 'a' * 10**18 }}", "bytes"},
		{"long list", "{{ [1] * 10**18 }}", "items"},
		{"long range", "{{ range(10**18) }}", "range too big"},
		{"backward range", "{{ range(10**18, 0 - 10**18, -1) }}", "range too big"},
		{"doubling", doubling, "bytes"},
		{"doubling by join", "{% set ns = namespace(a='x') %}{% for i in range(100) %}{% set ns.a = [ns.a, ns.a] | join %}{% endfor %}", "bytes"},
		{"doubling by set block", "{% set ns = namespace(a='x') %}{% for i in range(100) %}{% set b %}{{ ns.a }}{{ ns.a }}{% endset %}{% set ns.a = b %}{% endfor %}", "bytes"},
		{"replace", "{{ ('a' * 100000) | replace('a', 'b' * 100000) }}", "bytes"},
		{"padding", "{{ '{:>99999999999}'.format(1) }}", "99999999999"},
		{"percent padding", "{{ '%999999999d' % 1 }}", "999999999"},
		{"center", "{{ 'a' | center(10**12) }}", "bytes"},
		{"indent", "{{ ('a\n' * 10000) | indent(100000) }}", "bytes"},
		{"many strings", "{% set ns = namespace(l=[]) %}{% for i in range(100000) %}{% set ns.l = ns.l + ['a' * 1000000] %}{% endfor %}", "memory"},
		{"endless macro", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "deep"},
		{"two macros", "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}", "deep"},
		{"endless caller", "{% macro m() %}{% call m() %}{{ caller() }}{% endcall %}{{ caller() }}{% endmacro %}{% call m() %}{% endcall %}", "deep"},
		{"recursive loop", "{% set ns = namespace(l=[1]) %}{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "deep"},
		{"loops in loops", strings.Repeat("{% for a in range(99999) %}", 8) + strings.Repeat("{% endfor %}", 8), "more than"},
		{"output", "{% for a in range(99999) %}{{ 'a' * 10000 }}{% endfor %}", "bytes"},
		{"shared list printed", sharing + "{{ ns.a }}", "more than"},
		{"shared list as JSON", sharing + "{{ ns.a | tojson }}", "more than"},
		{"shared lists compared", sharing + "{% set b = ns.a %}" + sharing + "{{ b == ns.a }}", "more than"},
		{"deep list printed", nesting + "{{ ns.a }}", "deep"},
		{"deep list as JSON", nesting + "{{ ns.a | tojson }}", "deep"},
		{"deep lists compared", nesting + "{% set b = ns.a %}" + nesting + "{{ b == ns.a }}", "deep"},
		{"namespace in itself", "{% set ns = namespace() %}{% set ns.a = ns %}{{ ns }}", "deep"},
		{"deep brackets", "{{ " + strings.Repeat("[", 100000) + strings.Repeat("]", 100000) + " }}", "deep"},
		{"deep parentheses", "{{ " + strings.Repeat("(", 300) + "1" + strings.Repeat(")", 300) + " }}", "deep"},
		{"deep not", "{{ " + strings.Repeat("not ", 100000) + "1 }}", "deep"},
		{"deep minus", "{{ " + strings.Repeat("-", 100000) + "1 }}", "deep"},
		{"deep blocks", strings.Repeat("{% if 1 %}", 100000), "deep"},
		{"long sum", "{{ 1" + strings.Repeat(" + 1", 100000) + " }}", "deep"},
		{"long filter chain", "{{ 1" + strings.Repeat("|string", 100000) + " }}", "deep"},
		{"long elif", "{% if 0 %}" + strings.Repeat("{% elif 0 %}", 50000) + "{% endif %}", "deep"},
		{"filter by filter", "{{ [1] | map('map', 'map', 'map') | list }}", "not iterable"},
		{"big power", "{{ 10 ** 10 ** 10 }}", "64 bits"},
		{"overflow", "{{ 9223372036854775807 + 1 }}", "64 bits"},
		{"negated minimum", "{{ -(-9223372036854775807 - 1) }}", "64 bits"},
		{"source", strings.Repeat("a", MaxSource+1), "bytes"},
		{"not UTF-8", "a\xff", "UTF-8"},
		{"tuple key bomb", "{% set ns = namespace(a=(1,)) %}{% for i in range(60) %}{% set ns.a = (ns.a, ns.a) %}{% endfor %}{{ {ns.a: 1} }}", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			// Under the race detector two seconds may be over before the limit meant is reached.
			options := hf
			options.Limits = DefaultLimits()
			options.Limits.Time = 10 * time.Second
			tmpl, err := Compile(tt.template, options)
			if err == nil {
				_, err = tmpl.Render(nil, frozen)
			}
			var e *Error
			if !errors.As(err, &e) || e.Kind == "InternalError" || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one that says %q", err, tt.want)
			}
			if d := time.Since(start); d > 20*time.Second {
				t.Errorf("took %v", d)
			}
		})
	}
}

func TestTimeLimit(t *testing.T) {
	t.Parallel()
	limits := DefaultLimits()
	limits.Time = 20 * time.Millisecond
	limits.Steps = 1 << 60
	tmpl, err := Compile("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", Options{Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = tmpl.Render(nil, frozen); err == nil || !strings.Contains(err.Error(), "20ms") {
		t.Errorf("error %v", err)
	}
}

func TestErrorLines(t *testing.T) {
	t.Parallel()
	for template, want := range map[string]string{
		"a\n\n{{ 1 + }}":                        "line 3: TemplateSyntaxError",
		"a\n{% if x %}\n":                       "line 2: TemplateSyntaxError",
		"a\n{{ 'b' }}\n\n{{ x.y }}":             "line 4: UndefinedError: 'x' is undefined",
		"{#\n\n#}\n{{ raise_exception('no') }}": "line 4: TemplateError: no",
		"{% macro m(a) %}\n{{ a + 1 }}{% endmacro %}\n{{ m('x') }}": "line 2: TypeError",
	} {
		tmpl, err := Compile(template, Options{})
		if err == nil {
			_, err = tmpl.Render(nil, frozen)
		}
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", template, err, want)
		}
	}
}

func FuzzCompileRender(f *testing.F) {
	for _, seed := range []string{
		"{{ 1 }}", "{% for m in messages %}{{ loop.index }}{{ m.content|trim }}{% else %}x{% endfor %}",
		"{%- macro m(a, b=2) -%}{{ a ~ b }}{{ varargs }}{%- endmacro -%}{{ m(*[1], **{'b': 3}) }}",
		"{% set ns = namespace(a=1) %}{% set ns.a = ns.a + 1 %}{% set x, y = 1, 2 %}{{ ns.a is odd }}",
		"{{ 'abc'[::-1].split('b', 1) | map('upper') | join(',') | tojson(indent=2) }}",
		"{{ '%5.2f %s' % (1.5, 'a') }}{{ '{0:>{1}}'.format(1) }}{{ '{:^8}'.format('a') }}",
		"{% raw %}{{{% endraw %}{# c #}{% call(x) m() %}{% endcall %}{% filter upper %}a{% endfilter %}",
		"{{ [3,1]|sort(reverse=true)|batch(2)|list }}{{ {'a':1}|dictsort }}{{ 1 if x is defined else 2 }}",
		"{% for x in [1,[2]] recursive %}{{ loop(x) if x is iterable }}{% break %}{% endfor %}{{ range(3)[1:] }}",
		"{{ messages[0]['role'].title().center(9, '*') }}{{ strftime_now('%d %b %Y') }}{{ 2**-3//0.5%3 }}",
	} {
		f.Add(seed)
	}
	limits := DefaultLimits()
	limits.Steps, limits.Time, limits.Output, limits.Memory, limits.Items = 100000, 200*time.Millisecond, 1<<16, 1<<22, 10000
	vars, err := DecodeJSON([]byte(`{"messages": [{"role": "user", "content": " hi <b> "}, {"role": "assistant", "content": null}], "n": 3, "bos_token": "<s>"}`))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, source string) {
		tmpl, err := Compile(source, Options{TrimBlocks: true, LstripBlocks: true, Limits: limits})
		if err == nil {
			_, err = tmpl.Render(vars.(*Dict), frozen)
		}
		var e *Error
		if err != nil && (!errors.As(err, &e) || e.Kind == "InternalError") {
			t.Fatal(err)
		}
	})
}
