// Package chart draws figures as SVG, to be put into an HTML page: a timeline, bars
// that add up, dots over a line, and clouds of points with the lines computed
// through them.
//
// It is apart from render because it knows no drill: it is given names, colours
// by what they stand for, and numbers, which are milliseconds unless a field says
// otherwise. It imports the standard library alone, and measures no text.
//
// Pictures are fluid. Horizontal places are per cent of the width and everything
// else is in pixels, so that a picture is as legible on a telephone as on a wall,
// instead of shrinking with its letters. What must not collide is laid out for
// two widths, and the style sheet shows the one that fits.
//
// Colours, dashes and dark mode are in the style sheet (CSS); no meaning is in a
// colour alone: stretches have patterns (Patterns, once in a page), points have
// shapes, every bar and point has its own title, every picture a title and a
// description. All text is escaped here.
package chart
