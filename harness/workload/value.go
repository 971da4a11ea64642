package workload

import (
	"encoding/binary"
	"strconv"

	"github.com/cespare/xxhash/v2"
)

// MinValueSize is the smallest value in bytes that is still unique in a run:
// 64 bits of hash, six to a letter.
const MinValueSize = 11

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// Value is the value that the version-th write of a run puts to a key: size
// bytes of printable text, size from MinValueSize, unique in the run, and
// recomputable from the arguments, so that nothing large is held in memory.
// Where size allows, a person can read whose it is.
func Value(seed int64, key string, version uint64, size int) []byte {
	state := identity(seed, key, version)
	out := make([]byte, 0, size+MinValueSize)
	out = appendLetters(out, state)
	out = append(out, " firedrill "...)
	out = append(out, key...)
	out = append(out, " version "...)
	out = strconv.AppendUint(out, version, 10)
	out = append(out, ' ')
	for len(out) < size {
		state = scramble(state)
		out = appendLetters(out, state)
	}
	return out[:size]
}

// identity is the hash of what a value is recomputable from.
func identity(seed int64, key string, version uint64) uint64 {
	var numbers [16]byte
	binary.LittleEndian.PutUint64(numbers[:8], uint64(seed))
	binary.LittleEndian.PutUint64(numbers[8:], version)
	d := xxhash.New()
	_, _ = d.Write(numbers[:]) // a hash in memory cannot fail
	_, _ = d.WriteString(key)
	return d.Sum64()
}

func appendLetters(out []byte, bits uint64) []byte {
	for range MinValueSize {
		out = append(out, letters[bits&63])
		bits >>= 6
	}
	return out
}

// scramble is the step of splitmix64, which has no short cycle whatever it
// starts from.
func scramble(state uint64) uint64 {
	state += 0x9e3779b97f4a7c15
	z := state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
