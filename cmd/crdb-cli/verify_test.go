package main

import (
	"testing"

	"crdb/control/api"
)

func TestVerifyGolden(t *testing.T) {
	silent := []api.RegionError{{Region: "eu-west", Error: "cannot reach http://b:9443"}}
	for _, c := range []struct {
		name   string
		silent []api.RegionError
		code   int
	}{
		{"verify_alone", nil, 0},
		{"verify_no_answer", silent, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNode()
			n.verify = api.VerifyReport{Regions: []string{"us-east"}, Unreachable: c.silent}
			out, errs, code := cli(t, n, "crdb", "verify", "cart")
			if code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			golden(t, c.name, "$ crdb-cli crdb verify cart\n"+out+"--- stderr\n"+errs)
		})
	}
}
