package ledger

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"github.com/etcd-firedrill/firedrill/harness/files"
)

// A file is a line that names its kind, then blocks, then one seal.
//
//	block: length of payload uint32, CRC-32C of payload uint32, payload (records)
//	seal:  length 0xffffffff uint32, CRC-32C uint32, number of records uint64
//
// Numbers are little-endian. Without a seal, or with anything behind it, a file
// is damaged: that is how a file cut off between two blocks is told from a
// whole one.
const (
	blockSize  = 64 << 10 // a block is written once it is this long
	blockLimit = 64 << 20 // no block is longer; one record fits a block
	sealLength = 0xffffffff
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// blockWriter writes records, which are counted, into blocks.
type blockWriter struct {
	file    *files.Record
	out     *bufio.Writer
	payload []byte
	records uint64
}

func createBlocks(path, kind string) (*blockWriter, error) {
	f, err := files.Begin(path)
	if err != nil {
		return nil, fmt.Errorf("create the ledger: %w", err)
	}
	w := &blockWriter{file: f, out: bufio.NewWriterSize(f, 4*blockSize), payload: make([]byte, 0, 2*blockSize)}
	_, err = w.out.WriteString(kind)
	return w, err
}

// end ends a record that was appended to payload.
func (w *blockWriter) end() error {
	w.records++
	if len(w.payload) < blockSize {
		return nil
	}
	return w.flush()
}

func (w *blockWriter) flush() error {
	if len(w.payload) == 0 {
		return nil
	}
	err := w.frame(uint32(len(w.payload)), w.payload)
	w.payload = w.payload[:0]
	return err
}

func (w *blockWriter) frame(length uint32, payload []byte) error {
	var head [8]byte
	binary.LittleEndian.PutUint32(head[:], length)
	binary.LittleEndian.PutUint32(head[4:], crc32.Checksum(payload, castagnoli))
	if _, err := w.out.Write(head[:]); err != nil {
		return fmt.Errorf("write %s: %w", w.file.Name(), err)
	}
	if _, err := w.out.Write(payload); err != nil {
		return fmt.Errorf("write %s: %w", w.file.Name(), err)
	}
	return nil
}

// seal ends the file, so that it counts as whole.
func (w *blockWriter) seal() error {
	err := w.flush()
	if err == nil {
		err = w.frame(sealLength, binary.LittleEndian.AppendUint64(nil, w.records))
	}
	if err == nil {
		err = w.out.Flush()
	}
	if err == nil {
		err = w.file.Sync()
	}
	return errors.Join(err, w.file.Close())
}

// blockReader reads what a blockWriter wrote.
type blockReader struct {
	path    string
	file    *os.File
	in      *bufio.Reader
	offset  int64 // of the block being read
	block   int   // its number, from 1
	records uint64
	payload []byte
}

// errDamaged is wrapped by every error that a file's contents cause.
var errDamaged = errors.New("the file is damaged")

func openBlocks(path, kind string) (*blockReader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the ledger: %w", err)
	}
	r := &blockReader{path: path, file: f, in: bufio.NewReaderSize(f, 4*blockSize)}
	head := make([]byte, len(kind))
	if _, err := io.ReadFull(r.in, head); err != nil || string(head) != kind {
		return nil, errors.Join(r.damage("it does not begin with %q", kind), f.Close())
	}
	r.offset = int64(len(kind))
	return r, nil
}

func (r *blockReader) damage(format string, args ...any) error {
	return fmt.Errorf("%s, block %d at byte %d, after record %d: %w: %s", r.path, r.block, r.offset, r.records, errDamaged, fmt.Sprintf(format, args...))
}

// next returns the payload of the next block, valid until the next call, or
// io.EOF behind the seal. Whoever takes records out of it counts them.
func (r *blockReader) next() ([]byte, error) {
	r.offset += int64(len(r.payload))
	if r.block > 0 {
		r.offset += 8
	}
	r.block++
	var head [8]byte
	if _, err := io.ReadFull(r.in, head[:]); err != nil {
		return nil, r.damage("it ends without a seal: it was cut off")
	}
	length, sum := binary.LittleEndian.Uint32(head[:]), binary.LittleEndian.Uint32(head[4:])
	sealed := length == sealLength
	if sealed {
		length = 8
	}
	if length == 0 || length > blockLimit {
		return nil, r.damage("a block of %d bytes", length)
	}
	if cap(r.payload) < int(length) {
		r.payload = make([]byte, length)
	}
	r.payload = r.payload[:length]
	if _, err := io.ReadFull(r.in, r.payload); err != nil {
		return nil, r.damage("it ends within a block: it was cut off")
	}
	if crc32.Checksum(r.payload, castagnoli) != sum {
		return nil, r.damage("the block's checksum is wrong")
	}
	if !sealed {
		return r.payload, nil
	}
	if n := binary.LittleEndian.Uint64(r.payload); n != r.records {
		return nil, r.damage("it is sealed for %d records and holds %d", n, r.records)
	}
	if _, err := r.in.ReadByte(); err != io.EOF {
		return nil, r.damage("something follows the seal")
	}
	return nil, io.EOF
}

func (r *blockReader) close() error { return r.file.Close() }
