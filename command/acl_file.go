package command

import (
	"errors"
	"fmt"
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
		return fmt.Errorf("Error loading ACLs, opening file '%s': %w", file, err)
	}
	loaded, err := parseUsers(srv.rules(), file, string(text))
	if err != nil {
		return err
	}
	srv.acl.replace(loaded)
	srv.wakeUsers()
	return nil
}

// parseUsers reads lines of "user NAME rules".
func parseUsers(rs ruleSet, file, text string) (map[string]*rights, error) {
	loaded := make(map[string]*rights)
	var faults strings.Builder
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if err := parseUser(rs, loaded, strings.Fields(line)); err != nil {
			fmt.Fprintf(&faults, "%s:%d: %v. ", file, i+1, err)
		}
	}
	if faults.Len() > 0 {
		return nil, errors.New(faults.String() + "WARNING: ACL errors detected, no change to the previously active ACL rules was performed")
	}
	return loaded, nil
}

func parseUser(rs ruleSet, loaded map[string]*rights, words []string) error {
	if words[0] != "user" || len(words) < 2 {
		return errors.New("line should start with user keyword followed by the username")
	}
	name := words[1]
	if loaded[name] != nil {
		return fmt.Errorf("user '%s' is duplicated", name)
	}
	args := make([][]byte, 0, len(words))
	for _, w := range words[2:] {
		args = append(args, []byte(w))
	}
	rules, bad := mergeSelectors(args)
	if bad >= 0 {
		return errors.New("Unmatched parenthesis in selector definition")
	}
	r := newRights(rs.words, rs.allChannels)
	for _, rule := range rules {
		if err := rs.apply(r, rule); err != nil {
			return err
		}
	}
	loaded[name] = r
	return nil
}

// saveUsers writes the ACL file so that it is either the old one or the new.
func (srv *Server) saveUsers(file string) error {
	var b strings.Builder
	for _, u := range srv.acl.all() {
		b.WriteString("user " + u.name + " " + u.rights.Load().describe(srv.acl.words) + "\n")
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+"-*.tmp")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.WriteString(b.String())
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), file)
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
	if err := c.Server.saveUsers(file); err != nil {
		c.Server.opts.Logger.Error("ACL SAVE failed", "file", file, "error", err)
		c.Out.Error("ERR There was an error trying to save the ACLs. Please check the server logs for more information")
		return
	}
	c.Out.OK()
}
