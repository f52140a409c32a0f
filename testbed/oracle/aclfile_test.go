package oracle

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"crdb/command"
)

// aclFiles are files of users, right and wrong.
var aclFiles = []string{
	"", "\n\n", "   \t\n", "# a comment\n", "user default on nopass ~* &* +@all", "user default on nopass ~* &* +@all\n",
	"user default on nopass ~* &* +@all\nuser alice on >secret ~a* +get (+set ~b*)\n", "user default on nopass ~* &* +@all\r\nuser alice on nopass\r\n",
	"user alice on nopass +@all\n", "user default on nopass ~* &* +@all\nuser default on nopass +@all\n", "user alice\nuser alice\n",
	"user\n", "users alice\n", "USER alice on\n", " user  alice   on\n", "user alice on nopass  ~*\n", "default on nopass\n",
	"user alice +nosuch\n", "user alice +nosuch -nosuch\n", "user alice +nosuch\nuser bob -nosuch\n", "user alice +@nosuch\n", "user alice +config|nosuch\n",
	"user alice ~\n", "user alice %X~a\n", "user alice >\n", "user alice <nosuch\n", "user alice #zz\n", "user alice !zz\n", "user alice x\n", "user alice x y\n",
	"user alice (\n", "user alice (+get ~a\n", "user alice )\n", "user alice (+nosuch)\n", "user alice (+get (+set))\n", "user alice (on)\n", "user alice on off x +nosuch\n",
	"user alice &a resetchannels &\n", "user alice allkeys ~a\n", "user alice allchannels &a\n", "user alice ~* ~a\n", "user alice +get|x\n", "user alice +select|x\n", "user alice +get|x|y\n",
	"user al\tice on\n", "user\talice on\n", "user alice on\toff\n", "user alice (+get ~a\nuser bob x\n", "user \"alice bob\" on\n", "user alice >pass word\n", "user alice on #2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b\n",
	"user alice on nopass reset\n", "user alice skip-sanitize-payload\n", "user alice +@all -@dangerous +info clearselectors\n", strings.Repeat("user alice on\n", 3),
}

// TestACLFile: ACL LOAD of the same file says the same and makes the same users,
// and ACL SAVE writes the same.
func TestACLFile(t *testing.T) {
	dir := t.TempDir()
	files := [2]string{filepath.Join(dir, "redis.acl"), filepath.Join(dir, "crdbx.acl")}
	write := func(text string) {
		for _, f := range files {
			if err := os.WriteFile(f, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	write("")
	redisAddr, stop, err := StartRedis(dir, "--aclfile", files[0])
	mayLack(t, err)
	defer stop()
	crdbAddr := startNodeWith(t, func() int64 { return time.Now().UnixMilli() }, nil, func(o *command.Options) {
		o.Config = command.NewConfig()
		if err := o.Config.Set("aclfile", files[1]); err != nil {
			t.Fatal(err)
		}
	})
	var sides [2]*client
	for i, addr := range []string{redisAddr, crdbAddr} {
		if sides[i], err = dial(filepath.Base(files[i]), addr, 2); err != nil {
			t.Fatal(err)
		}
		defer sides[i].close()
	}
	ask := func(args ...string) (a, b string) {
		var says [2]string
		for i, c := range sides {
			r, err := c.do(args...)
			if err != nil {
				t.Fatalf("%s: %q: %v", c.name, args, err)
			}
			says[i] = strings.ReplaceAll(r.Wire(), files[i], "FILE")
			if args[1] == "LIST" {
				says[i] = strings.Join(sortedWords(says[i]), " ")
			}
		}
		return says[0], says[1]
	}
	for _, text := range aclFiles {
		for _, args := range [][]string{{"ACL", "SETUSER", "default", "on", "nopass", "~*", "&*", "+@all"}, {"ACL", "DELUSER", "alice", "bob"}} {
			ask(args...)
		}
		write(text)
		for _, args := range [][]string{{"ACL", "LOAD"}, {"ACL", "LIST"}, {"ACL", "SAVE"}} {
			a, b := ask(args...)
			if a != b {
				t.Errorf("%q, %q:\n redis: %s\n crdb:  %s", text, args, a, b)
			}
		}
		if a, b := savedUsers(t, files[0]), savedUsers(t, files[1]); !slices.EqualFunc(a, b, slices.Equal[[]string]) {
			t.Errorf("%q, saved:\n redis: %q\n crdb:  %q", text, a, b)
		}
	}
	os.Remove(files[0])
	os.Remove(files[1])
	if a, b := ask("ACL", "LOAD"); a != b {
		t.Errorf("no file:\n redis: %s\n crdb:  %s", a, b)
	}
}

// savedUsers returns the words of each line of a file, in no order.
func savedUsers(t *testing.T, file string) (users [][]string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(text), "\n") {
		users = append(users, sortedWords(line))
	}
	slices.SortFunc(users, slices.Compare[[]string])
	return users
}

func TestACLWords(t *testing.T) {
	compareLines(t, servers(t), "testdata/lines/acl.txt")
}
