package reports

import _ "embed"

//go:embed schema.json
var schema []byte

// Schema is the JSON Schema (draft 2020-12) of report.json and of each line
// that --json prints. It documents every key, with its unit.
func Schema() []byte { return schema }
