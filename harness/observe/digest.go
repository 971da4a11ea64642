package observe

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/etcd-firedrill/firedrill/harness"
)

// Digest sums up a dataset: the keys that are not the traffic's. It is the one
// definition, used for what was preloaded and for what came back.
//
// Each key adds its length, itself, its value's length, the value and its
// mod_revision (lengths and revision as 8 bytes, little-endian) to two xxhash64
// with different seeds. Keys must come in byte order, each once. Keys with a
// lease are left out by the callers: they may expire of their own accord, and
// after a restore their time starts anew.
//
// The zero value is not ready for use, see NewDigest.
type Digest struct {
	low, high   *xxhash.Digest
	keys, bytes int64
	last        []byte
}

// NewDigest returns the digest of no keys.
func NewDigest() *Digest {
	// The seeds only have to differ: together they make 128 bits.
	return &Digest{low: xxhash.NewWithSeed(1), high: xxhash.NewWithSeed(2)}
}

// Add adds one key. It is an error if it is not after the one before.
func (d *Digest) Add(key, value []byte, modRevision int64) error {
	if d.keys > 0 && bytes.Compare(d.last, key) >= 0 {
		return fmt.Errorf("sum up a dataset: key %q came after %q", key, d.last)
	}
	d.last = append(d.last[:0], key...)
	d.number(int64(len(key)))
	d.add(key)
	d.number(int64(len(value)))
	d.add(value)
	d.number(modRevision)
	d.keys++
	d.bytes += int64(len(key) + len(value))
	return nil
}

func (d *Digest) number(n int64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(n))
	d.add(b[:])
}

func (d *Digest) add(b []byte) {
	_, _ = d.low.Write(b) // a hash in memory cannot fail
	_, _ = d.high.Write(b)
}

// Sum returns what was added. Bytes are those of keys and values.
func (d *Digest) Sum() harness.Dataset {
	return harness.Dataset{Keys: d.keys, Bytes: d.bytes, Digest: fmt.Sprintf("%016x%016x", d.high.Sum64(), d.low.Sum64())}
}
