package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const msgNoACLFile = "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store users in the Redis configuration."

// LoadUsers reads the ACL file at the start, if there is one to read.
func (srv *Server) LoadUsers() error {
	if file := srv.config.String("aclfile"); file != "" {
		return srv.loadUsers(file)
	}
	return nil
}

// loadUsers reads the ACL file. Nothing changes unless all of it is right.
func (srv *Server) loadUsers(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		why := err.Error()
		if at := (*fs.PathError)(nil); errors.As(err, &at) {
			why = at.Err.Error()
			why = strings.ToUpper(why[:1]) + why[1:] // as C says it
		}
		return fmt.Errorf("Error loading ACLs, opening file '%s': %s", file, why)
	}
	loaded, err := parseUsers(srv.rules(), file, string(text))
	if err != nil {
		return err
	}
	srv.acl.replace(loaded, false)
	srv.wakeUsers()
	return nil
}

// aclFile is a file of users that is read, with what is wrong with it in Redis's
// words.
type aclFile struct {
	rs     ruleSet
	name   string
	users  map[string]*rights
	faults strings.Builder
}

// parseUsers reads lines of "user NAME rules".
func parseUsers(rs ruleSet, file, text string) (map[string]*rights, error) {
	f := aclFile{rs: rs, name: file, users: make(map[string]*rights)}
	for i, line := range strings.Split(text, "\n") {
		if line = strings.Trim(line, " \t\r"); line != "" {
			f.line(i+1, strings.Split(line, " "))
		}
	}
	if f.faults.Len() > 0 {
		return nil, errors.New(f.faults.String() + "WARNING: ACL errors detected, no change to the previously active ACL rules was performed")
	}
	return f.users, nil
}

func (f *aclFile) fault(format string, args ...any) { fmt.Fprintf(&f.faults, format, args...) }

// line reads one line. All rules of a wrong one are looked at, but of faults
// that may follow from each other only the first is told.
func (f *aclFile) line(at int, words []string) {
	if words[0] != "user" || len(words) < 2 {
		f.fault("%s:%d should start with user keyword followed by the username. ", f.name, at)
		return
	}
	name := words[1]
	if strings.ContainsAny(name, "\t\v\f\r\x00") {
		f.fault("'%s:%d: username '%s' contains invalid characters. ", f.name, at, name)
		return
	}
	if f.users[name] != nil {
		f.fault("WARNING: Duplicate user '%s' found on line %d. ", name, at)
		return
	}
	r := newRights(f.rs.words, f.rs.allChannels)
	f.users[name] = r
	args := make([][]byte, 0, len(words))
	for _, w := range words[2:] {
		args = append(args, []byte(w))
	}
	rules, bad := mergeSelectors(args)
	if bad >= 0 {
		f.fault("%s:%d: Unmatched parenthesis in selector definition.", f.name, at)
		return
	}
	told := false
	for _, rule := range rules {
		switch err := f.rs.apply(r, rule); {
		case err == errRuleName:
			f.fault("%s:%d: Error in applying operation '%s': %v. ", f.name, at, rule, err)
		case err != nil && !told:
			f.fault("%s:%d: %v. ", f.name, at, err)
			told = true
		}
	}
}

// Users returns all users, the default one among them, as the lines of an ACL
// file: passwords are in them as SHA-256 only. Any goroutine may call it.
func (srv *Server) Users() (lines []string) {
	for _, u := range srv.acl.all() {
		lines = append(lines, "user "+u.name+" "+u.rights.Load().describe(srv.acl.words))
	}
	return lines
}

// SetUsers makes the users those of the lines of an ACL file, as ACL LOAD does,
// or, with add, puts them beside those that there are; on an error all stay as
// they are. A default user that needs no password does not open a server whose
// own needs one. Any goroutine may call it.
func (srv *Server) SetUsers(lines []string, add bool) error {
	loaded, err := parseUsers(srv.rules(), "users", strings.Join(lines, "\n"))
	if err != nil {
		return err
	}
	if r := loaded[defaultUser]; r != nil && r.open() && !srv.acl.standard.rights.Load().open() {
		delete(loaded, defaultUser)
	}
	srv.acl.replace(loaded, add)
	srv.wakeUsers()
	return nil
}

// SaveUsers writes an ACL file so that it is either the old one or the new. Any
// goroutine may call it.
func (srv *Server) SaveUsers(file string) error {
	text := strings.Join(srv.Users(), "\n") + "\n"
	tmp, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+"-*.tmp")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.WriteString(text)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), file); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(file))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close()) // else a crash may bring the old one back
}

func aclLoad(c *Context) {
	file := c.Server.config.String("aclfile")
	if file == "" {
		c.Out.Error(msgNoACLFile)
		return
	}
	if err := c.Server.loadUsers(file); err != nil {
		c.Out.Error("ERR " + err.Error())
		return
	}
	c.S.followRights()
	c.Out.OK()
}

func aclSave(c *Context) {
	file := c.Server.config.String("aclfile")
	if file == "" {
		c.Out.Error(msgNoACLFile)
		return
	}
	if err := c.Server.SaveUsers(file); err != nil {
		c.Server.opts.Logger.Error("ACL SAVE failed", "file", file, "error", err)
		c.Out.Error("ERR There was an error trying to save the ACLs. Please check the server logs for more information")
		return
	}
	c.Out.OK()
}
