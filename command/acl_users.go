package command

import (
	"sort"
	"sync"
	"sync/atomic"
)

// defaultUser is who clients are that have not said it.
const defaultUser = "default"

// aclUsers are the users of a database on this node. mu guards the map and
// serialises changes; sessions look at version, once per batch, and take their
// rights anew when it has changed.
type aclUsers struct {
	words    *aclWords
	version  atomic.Uint64
	standard *user // the default user: never deleted
	log      aclLog
	guard    loginGuard
	mu       struct {
		sync.Mutex
		byName   map[string]*user
		password string // requirepass as last applied
	}
}

func (a *aclUsers) init(words *aclWords) {
	a.words = words
	a.standard = &user{name: defaultUser}
	r := newRights(words, true)
	r.on, r.noPass = true, true
	r.selectors[0].allKeys = true
	r.selectors[0].everything(true)
	a.standard.rights.Store(r)
	a.mu.byName = map[string]*user{defaultUser: a.standard}
	a.guard.init()
}

func (a *aclUsers) get(name string) *user {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.mu.byName[name]
}

// names returns all users, sorted.
func (a *aclUsers) all() []*user {
	a.mu.Lock()
	list := make([]*user, 0, len(a.mu.byName))
	for _, u := range a.mu.byName {
		list = append(list, u)
	}
	a.mu.Unlock()
	sort.Slice(list, func(i, j int) bool { return list[i].name < list[j].name })
	return list
}

// change applies rules to a user, making it if it is not there, all or none.
// bad is the rule that is wrong.
func (a *aclUsers) change(rs ruleSet, name string, rules []string) (bad string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	u := a.mu.byName[name]
	r := newRights(rs.words, rs.allChannels)
	if u != nil {
		r = u.rights.Load().clone()
	}
	for _, rule := range rules {
		if err := rs.apply(r, rule); err != nil {
			return rule, err
		}
	}
	if u == nil {
		u = &user{name: name}
		a.mu.byName[name] = u
	}
	u.rights.Store(r)
	a.version.Add(1)
	return "", nil
}

// remove deletes a user; its sessions close when they notice.
func (a *aclUsers) remove(name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	u := a.mu.byName[name]
	if u == nil || u == a.standard {
		return false
	}
	delete(a.mu.byName, name)
	u.deleted.Store(true)
	a.version.Add(1)
	return true
}

// replace puts the users of an ACL file in place of all there are; with add
// those that it does not name stay. The default user stays as it is unless the
// file has it: then it follows the file.
func (a *aclUsers) replace(loaded map[string]*rights, add bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for name, u := range a.mu.byName {
		if u != a.standard && (!add || loaded[name] != nil) {
			u.deleted.Store(true)
			delete(a.mu.byName, name)
		}
	}
	for name, r := range loaded {
		u := a.standard
		if name != defaultUser {
			u = &user{name: name}
			a.mu.byName[name] = u
		}
		u.rights.Store(r)
	}
	a.version.Add(1)
}

// requirePass makes requirepass, when it has changed, the password of the
// default user.
func (a *aclUsers) requirePass(pass string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if pass == a.mu.password {
		return
	}
	a.mu.password = pass
	r := a.standard.rights.Load().clone()
	r.passwords, r.noPass = nil, pass == ""
	if pass != "" {
		r.passwords = []string{hashPassword([]byte(pass))}
	}
	a.standard.rights.Store(r)
	a.version.Add(1)
}

// open reports whether clients need not authenticate.
func (r *rights) open() bool { return r.noPass && r.on }

// rules returns how this server reads rules.
func (srv *Server) rules() ruleSet {
	return ruleSet{srv.acl.words, srv.config.String("acl-pubsub-default") == "allchannels"}
}

// wakeUsers makes sessions that may have lost something look at their rights
// now, not at their next command.
func (srv *Server) wakeUsers() {
	for _, s := range srv.sessions.snapshot() {
		s.conn.Wake()
	}
}
