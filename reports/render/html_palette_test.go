package render_test

import (
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// palette reads the custom properties of a rule for :root that are plain colours.
func palette(t *testing.T, rule string) map[string]float64 {
	t.Helper()
	out := map[string]float64{}
	for _, m := range regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{6});`).FindAllStringSubmatch(rule, -1) {
		out[m[1]] = luminance(t, m[2])
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

// WCAG AA, in both schemes: 4.5 for text, 3 for what must be told apart in pictures.
func TestPaletteHasContrast(t *testing.T) {
	css, err := os.ReadFile("html/page.css")
	if err != nil {
		t.Fatal(err)
	}
	light, after, ok := strings.Cut(string(css), "prefers-color-scheme: dark")
	if !ok {
		t.Fatal("the style sheet has no dark scheme")
	}
	dark, _, _ := strings.Cut(after, "@media")
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
		{[]string{"a", "b", "c", "d", "e", "edge", "held", "violated", "open"}, []string{"card"}, 3},
	}
	for name, colours := range map[string]map[string]float64{"light": palette(t, light), "dark": palette(t, dark)} {
		for _, p := range pairs {
			for _, ink := range p.ink {
				for _, ground := range p.ground {
					a, ok := colours[ink]
					b, ok2 := colours[ground]
					if !ok || !ok2 {
						t.Fatalf("%s: --%s or --%s is no plain colour", name, ink, ground)
					}
					if c := contrast(a, b); c < p.least {
						t.Errorf("%s: --%s on --%s has contrast %.2f, less than %.1f", name, ink, ground, c, p.least)
					}
				}
			}
		}
	}
}
