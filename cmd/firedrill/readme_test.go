package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/etcd-firedrill/firedrill/reports/render"
	"github.com/etcd-firedrill/firedrill/scenarios"
)

// README.md's catalogue has a row for each scenario there is, and for no other.
func TestTheReadmeHasTheCatalogueOfToday(t *testing.T) {
	const again = "README.md's catalogue is not of today: `make catalogue` runs the drills and rewrites it; " +
		"with reports at hand, `firedrill catalogue --write README.md FILE…` does"
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, begun := strings.Cut(string(readme), render.CatalogueBegin+"\n")
	section, _, ended := strings.Cut(rest, render.CatalogueEnd+"\n")
	if !begun || !ended {
		t.Fatalf("README.md lacks the lines %s and %s", render.CatalogueBegin, render.CatalogueEnd)
	}
	var rows []string
	for _, match := range regexp.MustCompile("(?m)^\\| `([^` ]+)` ").FindAllStringSubmatch(section, -1) {
		rows = append(rows, match[1])
	}
	all := names(scenarios.All())
	var wrong []string
	for _, name := range all {
		if !slices.Contains(rows, name) {
			wrong = append(wrong, "there is no row for "+name)
		}
	}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(rows))) {
		if !slices.Contains(all, name) {
			wrong = append(wrong, "there is no scenario "+name+" any more")
		}
	}
	if len(wrong) > 0 {
		t.Errorf("%s:\n%s", again, strings.Join(wrong, "\n"))
	}
}

// What a variant is a variant of is in the catalogue, and no variant itself: the
// two would otherwise stand beside nobody.
func TestVariantsHaveABase(t *testing.T) {
	all := scenarios.All()
	variants := 0
	for _, sc := range all {
		if sc.VariantOf == "" {
			continue
		}
		variants++
		i := slices.Index(names(all), sc.VariantOf)
		if i < 0 || all[i].VariantOf != "" {
			t.Errorf("%s is a variant of %q, which is no scenario of its own", sc.Name, sc.VariantOf)
		}
	}
	if variants == 0 {
		t.Error("no scenario is a variant")
	}
}
