package chart

// Pair is two bars on one scale, one above the other: a cell of a table, whose other
// cells tell the same in figures. It has no axis and no words.
type Pair struct {
	Scale        Scale // of all pairs that are to be compared
	Upper, Lower []Part
}

// SVG draws it. It is hidden from those who hear the table.
func (p Pair) SVG() string {
	const bar, between, edge = 9, 4, 1
	var c canvas
	c.b.WriteString(`<svg class="chart pair" width="100%" height="` + number(2*bar+between+2*edge) + `" aria-hidden="true" focusable="false">` + "\n")
	for i, parts := range [][]Part{p.Upper, p.Lower} {
		begins := 0.0
		for _, part := range parts {
			if part.MS <= 0 {
				continue
			}
			x := p.Scale.at(begins)
			begins += part.MS
			c.rect("bar "+string(part.Paint), x, edge+float64(i*(bar+between)), p.Scale.at(begins)-x, bar, part.Title)
		}
	}
	return c.close()
}
