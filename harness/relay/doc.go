// Package relay carries one command's three streams and its end over one byte
// connection: what is printed arrives as it is printed, and nothing is dropped.
//
// The side that has the command is Serve's, the side that wants it is Call's. The
// connection is a stream of an agent's session, or a Unix socket's: who may call
// and what he asks for was settled before on the same connection.
//
//	caller                        server
//	  input, end of input   ──▶
//	                        ◀──   output, errors, and at last the end
//	  taken                 ◀─▶   taken
//	  hang up               ──▶
//
// Either side sends no more than the other has room for, and is told what was
// taken out of there. So what is held is bounded, a gigabyte passes in constant
// memory, and a slow reader slows the command down. And because neither ever stops
// reading the connection, a caller who hangs up is heard although nobody reads
// what he had typed, or he what was printed.
//
// The package is apart from the agent because the way from an operator's machine
// to a drill (the bastion) is made of it too. It knows no host, no drill and no
// verb, and refuses to import anything but the nouns and what catches a panic.
package relay
