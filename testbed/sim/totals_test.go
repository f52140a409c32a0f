package sim

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

var sumsFlag = flag.String("sums", "", "a file for the totals, in JSON")

// totals sums up what was run.
type totals struct {
	mu sync.Mutex
	sums
}

type sums struct {
	Result
	Runs, Failed, GivenUp int
}

func (s *totals) add(res *Result) {
	one := sums{Result: *res, Runs: 1}
	if len(res.Failures) > 0 {
		one.Failed = 1
	}
	if res.Stuck {
		one.GivenUp = 1
	}
	s.addSums(&one)
}

func (s *totals) addSums(o *sums) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Runs += o.Runs
	s.Failed += o.Failed
	s.GivenUp += o.GivenUp
	s.Ops += o.Ops
	s.Logged += o.Logged
	s.Faults += o.Faults
	s.Captures += o.Captures
	s.Restored += o.Restored
	s.Transfers += o.Transfers
	s.Versions += o.Versions
	s.Time += o.Time
}

func (s *totals) String() string {
	return fmt.Sprintf("%d runs, %d failed, %d given up: %s", s.Runs, s.Failed, s.GivenUp, s.Result.counts())
}

// print tells the totals to who reads, and to the process that asked for them.
func (s *totals) print(t *testing.T) {
	fmt.Println(s.String())
	if *sumsFlag == "" {
		return
	}
	b, err := json.Marshal(&s.sums)
	if err == nil {
		err = os.WriteFile(*sumsFlag, b, 0o600)
	}
	if err != nil {
		t.Error(err)
	}
}

// batchRuns is how many runs one process makes. What died in a run - goroutines
// and memory of nodes whose machine was lost, or whose virtual time stands still -
// stays until the process ends, some 25 MB each.
const batchRuns = 200

// inBatches plays all the seeds in processes of their own, one after the other.
func inBatches(t *testing.T) {
	var all totals
	for done := 0; done < *runsFlag; done += batchRuns {
		n, from := min(batchRuns, *runsFlag-done), *fromFlag+uint64(done)
		t.Run(fmt.Sprintf("seeds=%d-%d", from, from+uint64(n)-1), func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "sums")
			out, err := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSeeds$", "-test.timeout=2h", fmt.Sprint("-runs=", n),
				fmt.Sprint("-from=", from), fmt.Sprint("-shrink=", *shrinkFlag), "-sums="+file).CombinedOutput()
			if err != nil {
				t.Errorf("%v: printed above", err)
				fmt.Printf("%s\n", out) // now: the other seeds may take hours
			}
			var s sums
			b, err := os.ReadFile(file)
			if err == nil {
				err = json.Unmarshal(b, &s)
			}
			if err != nil {
				t.Fatal(err)
			}
			all.addSums(&s)
			fmt.Println(all.String())
		})
	}
}
