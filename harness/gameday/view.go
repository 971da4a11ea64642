package gameday

import (
	"fmt"
	"html/template"
	"slices"
	"time"
)

// view is what a page shows, in words. The template writes it, and page.js writes it
// again with every event: neither knows what anything means, so that both say the same.
type view struct {
	Title string `json:"title"`
	Phase Phase  `json:"phase"` // for the looks of it
	// Flags are what holds now: parts of a page are there under one of them.
	Flags  []string          `json:"flags"`
	Texts  map[string]cell   `json:"texts"`
	Tables map[string]table  `json:"tables"`
	Paths  map[string]string `json:"paths"` // of charts
	Meter  meter             `json:"meter"`
}

// cell is one text.
type cell struct {
	Text  string        `json:"text"`
	Tone  string        `json:"tone,omitempty"`  // held, violated, open, muted, absent
	Count string        `json:"count,omitempty"` // what runs on behind the text
	At    time.Duration `json:"at_ns,omitempty"` // and the moment that it counts from
	now   time.Duration
}

// Running is what stands behind the text.
func (c cell) Running() string { return running(c.Count, c.At, c.now) }

// row is a line of a table, or of a list.
type row struct {
	Tone  string `json:"tone,omitempty"`
	Cells []cell `json:"cells"`
}

// table is a table, or a list if it has no heads.
type table struct {
	Heads []string `json:"heads,omitempty"`
	Rows  []row    `json:"rows"`
	None  string   `json:"none"` // what is said instead of no rows
}

// meter is how much of the time is spent.
type meter struct {
	Spent time.Duration `json:"spent_ns"`
	Whole time.Duration `json:"whole_ns"`
	Runs  bool          `json:"runs"`
}

// sheet is a view with what a template needs beside it.
type sheet struct {
	Name    string // of the page
	Server  string // its nonce
	Now     time.Duration
	WallURL string // for the facilitator, who may give it to others
	view
}

// slot is a cell and where it is.
type slot struct {
	Slot string
	cell
}

// Cell is one of the texts. There is no such text: an error, not an empty place.
func (s sheet) Cell(name string) (slot, error) {
	c, ok := s.Texts[name]
	if !ok {
		return slot{}, fmt.Errorf("no text %q", name)
	}
	return slot{name, s.at(c)}, nil
}

func (s sheet) at(c cell) cell {
	c.now = s.Now
	return c
}

// Place is a table and where it is.
type place struct {
	Slot string
	table
}

// Table is one of the tables.
func (s sheet) Table(name string) (place, error) {
	t, ok := s.Tables[name]
	if !ok {
		return place{}, fmt.Errorf("no table %q", name)
	}
	t.Rows = slices.Clone(t.Rows)
	for i, r := range t.Rows {
		cells := slices.Clone(r.Cells)
		for j := range cells {
			cells[j] = s.at(cells[j])
		}
		t.Rows[i].Cells = cells
	}
	return place{name, t}, nil
}

// Head is what the column of a cell is called.
func (p place) Head(column int) string { return p.Heads[column] }

// Path is one of the paths of charts.
func (s sheet) Path(name string) (string, error) {
	d, ok := s.Paths[name]
	if !ok {
		return "", fmt.Errorf("no path %q", name)
	}
	return d, nil
}

// When are the attributes of an element that is there under a flag.
func (s sheet) When(flag string) (template.HTMLAttr, error) {
	if !slices.Contains(allFlags, flag) {
		return "", fmt.Errorf("no flag %q", flag)
	}
	if slices.Contains(s.Flags, flag) {
		return template.HTMLAttr(fmt.Sprintf("data-when=%q", flag)), nil
	}
	return template.HTMLAttr(fmt.Sprintf("data-when=%q hidden", flag)), nil
}

// allFlags are all that there are.
var allFlags = []string{"going", "ended", "measured", "alarmed", "unalarmed", "paused", "unpaused", "noticed", "unnoticed", "hinted", "expected", "mistaken", "judging", "over", "reported", "struck", "unstruck", "erred", "truncated"}

// flagsOf are the names under which something holds.
func flagsOf(holds map[string]bool) []string {
	flags := []string{}
	for _, f := range allFlags {
		if holds[f] {
			flags = append(flags, f)
		}
	}
	return flags
}
