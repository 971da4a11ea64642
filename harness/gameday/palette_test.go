package gameday

import (
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// palette reads the custom properties of a style sheet that are plain colours.
func palette(t *testing.T, rule string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, m := range regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{6});`).FindAllStringSubmatch(rule, -1) {
		out[m[1]] = m[2]
	}
	return out
}

// luminance is the relative luminance of WCAG 2.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	var channel [3]float64
	for i := range channel {
		n, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(n) / 255
		if c <= 0.04045 {
			channel[i] = c / 12.92
		} else {
			channel[i] = math.Pow((c+0.055)/1.055, 2.4)
		}
	}
	return 0.2126*channel[0] + 0.7152*channel[1] + 0.0722*channel[2]
}

func contrast(a, b float64) float64 { return (max(a, b) + 0.05) / (min(a, b) + 0.05) }

// schemes are the colours of a style sheet, light and dark.
func schemes(t *testing.T, file string) map[string]map[string]string {
	t.Helper()
	css, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	light, after, ok := strings.Cut(string(css), "prefers-color-scheme: dark")
	if !ok {
		t.Fatalf("%s has no dark scheme", file)
	}
	dark, _, _ := strings.Cut(after, "@media")
	return map[string]map[string]string{"light": palette(t, light), "dark": palette(t, dark)}
}

// WCAG AA, in both schemes: 4.5 for text, 3 for what must be told apart in pictures.
func TestPaletteHasContrast(t *testing.T) {
	if known := contrast(luminance(t, "ffffff"), luminance(t, "767676")); math.Abs(known-4.54) > 0.01 {
		t.Fatalf("#767676 on white has contrast %.2f by this test", known)
	}
	pairs := []struct {
		ink, ground []string
		least       float64
	}{
		{[]string{"ink", "muted"}, []string{"paper", "card", "wash", "held-tint", "violated-tint", "open-tint"}, 4.5},
		{[]string{"held", "violated", "open", "a"}, []string{"paper", "card"}, 4.5},
		{[]string{"held"}, []string{"held-tint"}, 4.5},
		{[]string{"violated"}, []string{"violated-tint"}, 4.5},
		{[]string{"open"}, []string{"open-tint"}, 4.5},
		{[]string{"paper"}, []string{"ink"}, 4.5}, // the first button
		{[]string{"a", "b", "edge", "violated"}, []string{"card"}, 3},
		{[]string{"a"}, []string{"paper", "wash", "violated-tint", "open-tint"}, 3}, // what has the focus, the meter
	}
	for name, colours := range schemes(t, "pages/page.css") {
		for _, p := range pairs {
			for _, ink := range p.ink {
				for _, ground := range p.ground {
					a, ok := colours[ink]
					b, ok2 := colours[ground]
					if !ok || !ok2 {
						t.Fatalf("%s: --%s or --%s is no plain colour", name, ink, ground)
					}
					if c := contrast(luminance(t, a), luminance(t, b)); c < p.least {
						t.Errorf("%s: --%s on --%s has contrast %.2f, less than %.1f", name, ink, ground, c, p.least)
					}
				}
			}
		}
	}
}

// A game day's pages and the report that follows are of one kind.
func TestPaletteIsTheReports(t *testing.T) {
	reports := schemes(t, "../../reports/render/html/page.css")
	for name, colours := range schemes(t, "pages/page.css") {
		for property, colour := range colours {
			if want := reports[name][property]; want != colour {
				t.Errorf("%s: --%s is #%s, in reports #%s", name, property, colour, want)
			}
		}
	}
}
