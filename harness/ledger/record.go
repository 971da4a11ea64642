package ledger

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// A record is an operation or an event, each field a varint or a string with its
// length in front. Records stand alone: one can be moved between files as bytes.
const (
	operationRecord = 1
	eventRecord     = 2
	keyRecord       = 3
)

// limits of a record, so that damage that has a right checksum cannot make a
// reader ask for more memory than there is.
const (
	mostEffects = 1 << 10
	mostString  = 8 << 20
)

var errRecord = errors.New("a record cannot be read")

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// Flags of an operation, above its outcome. Ledgers from before it was noted have none
// with the moment at which it was sent.
const (
	operationIsEffective = 1 << 7
	operationWasSent     = 1 << 6
)

func appendOperation(b []byte, o *harness.Operation) []byte {
	flags := byte(o.Outcome)
	if o.Effective {
		flags |= operationIsEffective
	}
	if o.Sent != 0 {
		flags |= operationWasSent
	}
	b = append(b, operationRecord, flags, byte(o.Kind))
	b = binary.AppendUvarint(b, o.ID)
	b = appendString(b, o.Client)
	b = binary.AppendVarint(b, int64(o.Call))
	b = binary.AppendVarint(b, int64(o.Return-o.Call))
	if o.Sent != 0 {
		b = binary.AppendVarint(b, int64(o.Sent-o.Call))
	}
	b = appendString(b, o.Error)
	b = binary.AppendVarint(b, int64(o.Epoch))
	b = binary.AppendVarint(b, o.Revision)
	b = binary.LittleEndian.AppendUint64(b, o.ClusterID)
	b = binary.LittleEndian.AppendUint64(b, o.MemberID)
	b = binary.AppendUvarint(b, o.Term)
	b = binary.AppendUvarint(b, uint64(len(o.Effects)))
	for i := range o.Effects {
		b = appendEffect(b, &o.Effects[i])
	}
	return b
}

// Flags of an effect. Ledgers from before there were guards have none guarded.
const (
	effectDeletes   = 1 << 0
	effectIsGuarded = 1 << 1
)

func appendEffect(b []byte, e *harness.Effect) []byte {
	var flags byte
	if e.Delete {
		flags |= effectDeletes
	}
	if e.Guarded {
		flags |= effectIsGuarded
	}
	b = appendString(append(b, flags), e.Key)
	b = binary.LittleEndian.AppendUint64(b, e.Value)
	b = binary.AppendVarint(b, e.Lease)
	if e.Guarded {
		b = binary.AppendVarint(b, e.Guard)
	}
	return b
}

func appendEvent(b []byte, e *harness.WatchEvent) []byte {
	b = appendBool(append(b, eventRecord), e.Delete)
	b = appendString(b, e.Key)
	b = binary.LittleEndian.AppendUint64(b, e.Value)
	b = binary.AppendVarint(b, e.Revision)
	return binary.AppendVarint(b, int64(e.At))
}

func appendKey(b []byte, k *harness.KeyState) []byte {
	b = appendString(append(b, keyRecord), k.Key)
	b = binary.LittleEndian.AppendUint64(b, k.Value)
	for _, n := range []int64{k.CreateRevision, k.ModRevision, k.Version, k.Lease} {
		b = binary.AppendVarint(b, n)
	}
	return b
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// decoder takes fields off the front of a block. After an error every field is
// zero and err is set.
type decoder struct {
	b     []byte
	names map[string]string // strings that recur, so that each is held once
	err   error
}

func (d *decoder) fail() { d.b, d.err = nil, errRecord }

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) fixed() uint64 {
	if len(d.b) < 8 {
		d.fail()
		return 0
	}
	v := binary.LittleEndian.Uint64(d.b)
	d.b = d.b[8:]
	return v
}

func (d *decoder) byte() byte {
	if len(d.b) == 0 {
		d.fail()
		return 0
	}
	v := d.b[0]
	d.b = d.b[1:]
	return v
}

func (d *decoder) bool() bool {
	switch d.byte() {
	case 0:
		return false
	case 1:
		return true
	}
	d.fail()
	return false
}

func (d *decoder) bytes() []byte {
	n := d.uvarint()
	if n > mostString || n > uint64(len(d.b)) {
		d.fail()
		return nil
	}
	v := d.b[:n]
	d.b = d.b[n:]
	return v
}

// name is a string of which there are few: clients and error texts.
func (d *decoder) name() string {
	b := d.bytes()
	if s, ok := d.names[string(b)]; ok {
		return s
	}
	if d.names == nil || len(d.names) > 1<<12 {
		d.names = map[string]string{}
	}
	s := string(b)
	d.names[s] = s
	return s
}

func (d *decoder) operation() (o harness.Operation) {
	flags, kind := d.byte(), d.byte()
	o.Outcome, o.Kind = harness.Outcome(flags&^(operationIsEffective|operationWasSent)), harness.OpKind(kind)
	o.Effective = flags&operationIsEffective != 0
	if o.Outcome > harness.Rejected || o.Kind > harness.LeaseOp {
		d.fail()
	}
	o.ID = d.uvarint()
	o.Client = d.name()
	o.Call = time.Duration(d.varint())
	o.Return = o.Call + time.Duration(d.varint())
	if flags&operationWasSent != 0 {
		o.Sent = o.Call + time.Duration(d.varint())
	}
	o.Error = d.name()
	o.Epoch = int(d.varint())
	o.Revision = d.varint()
	o.ClusterID, o.MemberID, o.Term = d.fixed(), d.fixed(), d.uvarint()
	n := d.uvarint()
	if n > mostEffects {
		d.fail()
	}
	for range n {
		if d.err != nil {
			return o
		}
		o.Effects = append(o.Effects, d.effect())
	}
	return o
}

func (d *decoder) effect() harness.Effect {
	flags := d.byte()
	if flags&^(effectDeletes|effectIsGuarded) != 0 {
		d.fail()
	}
	e := harness.Effect{Delete: flags&effectDeletes != 0, Guarded: flags&effectIsGuarded != 0, Key: string(d.bytes()), Value: d.fixed(), Lease: d.varint()}
	if e.Guarded {
		e.Guard = d.varint()
	}
	return e
}

func (d *decoder) event() harness.WatchEvent {
	return harness.WatchEvent{Delete: d.bool(), Key: string(d.bytes()), Value: d.fixed(), Revision: d.varint(), At: time.Duration(d.varint())}
}

func (d *decoder) key() harness.KeyState {
	return harness.KeyState{Key: string(d.bytes()), Value: d.fixed(), CreateRevision: d.varint(), ModRevision: d.varint(), Version: d.varint(), Lease: d.varint()}
}
