package chart

import (
	"fmt"
	"html"
)

// Form is how a paint appears in a picture.
type Form int

// The forms.
const (
	AsBar  Form = iota // a stretch
	AsBand             // a stretch through all lanes
	AsLine             // a place
	AsMark             // a point
	AsFit              // a computed line
	AsHost             // a host with etcd in it
)

// Swatch is a piece of a picture for its legend, without words.
func Swatch(form Form, p Paint) string {
	class := html.EscapeString(string(p))
	var inner string
	switch form {
	case AsBar:
		inner = fmt.Sprintf(`<rect class="bar %s" x="1" y="2" width="20" height="10"/>`, class)
	case AsBand:
		inner = fmt.Sprintf(`<rect class="band %s" x="1" y="0" width="20" height="14"/>`, class)
	case AsLine:
		inner = fmt.Sprintf(`<line class="%s" x1="11" y1="0" x2="11" y2="14"/>`, class)
	case AsMark:
		shape, ok := shapes[p]
		if !ok {
			shape = circle
		}
		x, y := 11, 7
		if p == Strike {
			x, y = 6, 2 // a flag flies from its pole
		}
		inner = fmt.Sprintf(`<path class="%s" transform="translate(%d %d)" d="%s"/>`, class, x, y, shape)
	case AsFit:
		inner = fmt.Sprintf(`<line class="fit %s" x1="0" y1="7" x2="22" y2="7"/>`, class)
	case AsHost:
		inner = fmt.Sprintf(`<rect class="bar %s" x="1" y="1" width="20" height="12"/><rect class="bar %s" x="1" y="4" width="20" height="6"/>`, Powered, class)
	}
	return `<svg class="swatch" width="22" height="14" aria-hidden="true" focusable="false">` + inner + `</svg>`
}
