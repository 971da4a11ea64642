package drill

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
)

// guardFile holds a checksum for each line of evidence.json, in its order. Most
// flipped bits in JSON leave JSON, with another number in it: without this they
// would quietly change a verdict. The ledger carries checksums of its own.
const guardFile = "evidence.crc32c"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// guard is the guard file's text for this evidence.
func guard(text []byte) []byte {
	var out bytes.Buffer
	for line := range bytes.Lines(text) {
		fmt.Fprintf(&out, "%08x\n", crc32.Checksum(line, castagnoli))
	}
	return out.Bytes()
}

// guarded compares the evidence with its guard. The error names the first line
// that is not what the drill wrote.
func guarded(dir string, text []byte) error {
	path := filepath.Join(dir, guardFile)
	stored, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the evidence's checksums: %w", err)
	}
	found, want := lines(guard(text)), lines(stored)
	for i := range max(len(found), len(want)) {
		switch {
		case i >= len(found):
			return fmt.Errorf("%s:%d: the evidence is damaged: it ends here, and %s has %d lines", filepath.Join(dir, evidenceFile), len(found), path, len(want))
		case i >= len(want):
			return fmt.Errorf("%s:%d: the evidence is damaged: its checksums end here, and %s has %d lines", path, len(want), evidenceFile, len(found))
		case found[i] != want[i]:
			return fmt.Errorf("%s:%d: the evidence is damaged: this line is not what the drill wrote (line %d of %s is %.40q, not %q)",
				filepath.Join(dir, evidenceFile), i+1, i+1, guardFile, want[i], found[i])
		}
	}
	return nil
}

// lines are the lines of a text, line ends included, so that a text that was
// cut off within one differs.
func lines(text []byte) []string {
	var out []string
	for line := range strings.Lines(string(text)) {
		out = append(out, line)
	}
	return out
}
