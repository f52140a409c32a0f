package cluster

import "context"

// TB is what StartTest needs of *testing.T.
type TB interface {
	Helper()
	Cleanup(func())
	Failed() bool
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
	Logf(format string, args ...any)
	Context() context.Context
}

// StartTest starts a cluster for a test, ends it with the test, fails the
// test when a node crashed or reported a data race, and shows the logs of a
// failed test.
func StartTest(tb TB, opts Options) *Cluster {
	tb.Helper()
	c, err := Start(tb.Context(), opts)
	if err != nil {
		tb.Fatalf("start the cluster: %v", err)
	}
	tb.Cleanup(func() {
		for _, alarm := range c.Alarms() {
			tb.Errorf("alarm in the log of %s", alarm)
		}
		logs := c.Logs(40)
		if err := c.Close(); err != nil {
			tb.Errorf("close the cluster: %v", err)
		}
		if tb.Failed() {
			tb.Logf("%s", logs)
		}
	})
	return c
}
