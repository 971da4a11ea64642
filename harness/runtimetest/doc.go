// Package runtimetest is the one conformance suite that every runtime passes:
// what a host promises (see harness.Host), told by using it.
//
// It is apart from the runtimes so that neither can have its own idea of a
// host, and it is the one package that is no test and still imports Ginkgo and
// Gomega. It reaches hosts through harness alone, and etcd through a stock
// client; it refuses to import any runtime.
//
// A runtime's own test package needs two calls:
//
//	func TestMain(m *testing.M) {
//		// first whatever lets this binary be an agent or an etcd, then:
//		if runtimetest.Child(newRuntime) {
//			return
//		}
//		os.Exit(m.Run())
//	}
//
//	var _ = Describe("my runtime", func() { runtimetest.Specs(newRuntime, runtimetest.Options{}) })
package runtimetest
