package chart

// Stack shows wholes made of parts, a bar for each, one below the other.
type Stack struct {
	Heading
	Scale Scale // of all stacks that are to be compared
	Rows  []Whole
}

// Whole is one bar.
type Whole struct {
	Name  string
	Parts []Part
	Worst float64 // the greatest whole that was measured; 0: not shown
	Note  string  // in words at the bar's end
}

// Part is a part of a bar, as long as it lasted.
type Part struct {
	Paint Paint
	MS    float64
	Title string
}

// StackScale is the scale on which all of these find room, their notes too.
func StackScale(all []Whole) Scale {
	most := 0.0
	for _, w := range all {
		most = max(most, w.total(), w.Worst)
	}
	const bars = 0.78 // the rest is for the notes
	return Linear(most / bars)
}

func (w Whole) total() float64 {
	total := 0.0
	for _, p := range w.Parts {
		total += max(p.MS, 0)
	}
	return total
}

// SVG draws it.
func (k Stack) SVG() string {
	const row, bar = 34, 20
	bottom := float64(row*len(k.Rows)) + 4
	var c canvas
	c.open(k.Heading, bottom+axisHeight)
	c.axis(k.Scale, 0, bottom, Time)
	for i, whole := range k.Rows {
		y := float64(i*row) + (row-bar)/2 + 2
		c.name(y+bar/2+4, whole.Name)
		begins := 0.0
		for _, p := range whole.Parts {
			if p.MS <= 0 {
				continue
			}
			x := k.Scale.at(begins)
			begins += p.MS
			c.rect("bar "+string(p.Paint), x, y, k.Scale.at(begins)-x, bar, p.Title)
		}
		end := k.Scale.at(begins)
		if whole.Worst > 0 {
			at := k.Scale.at(whole.Worst)
			c.line("whisker", end, y+bar/2, at, y+bar/2, "")
			c.line(string(Worst), at, y+2, at, y+bar-2, "worst: "+Time(whole.Worst))
			end = max(end, at)
		}
		c.beside("note start", end, y+bar/2+4, 7, whole.Note)
	}
	return c.close()
}
