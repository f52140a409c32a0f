package oracle

import (
	"regexp"
	"slices"
	"strings"
)

// aclUsers are the users of streams. The connections stay the default user's:
// what others may do is asked by ACL DRYRUN.
var aclUsers = []string{"u1", "u2", "nobody"}

// aclRules are rules of ACL SETUSER, right and wrong.
var aclRules = []string{
	"on", "off", "nopass", "resetpass", ">secret", "<secret", "<nosuch", ">", "#zz", "reset",
	"#2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b",
	"!2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b",
	"~*", "~s*", "~t?", "%R~h*", "%W~h*", "%R~*", "%RW~n1", "%W~[st]1", "%X~a", "%~", "~", "~a b", "allkeys", "resetkeys", "~",
	"&news*", "&news.*", "&*", "allchannels", "resetchannels", "& ",
	"+@all", "-@all", "allcommands", "nocommands", "+@read", "-@read", "+@write", "-@write", "+@string", "-@dangerous",
	"+@hash", "-@set", "+@fast", "-@slow", "+@NOSUCH", "+@",
	"+get", "-get", "+SET", "-set", "+mget", "+copy", "+rename", "+nosuch", "+", "-",
	"+config", "-config", "+config|get", "-config|get", "+config|nosuch", "+config|", "+client|id|x", "+select|0", "+ping|x",
	"(+get ~x)", "(%R~h* +@hash)", "(", ")", "()", "(+nosuch)", "clearselectors", "skip-sanitize-payload", "sanitize-payload", "", "x",
}

// aclRule is the rule for ACL. The order of single commands in a description
// is Redis's secret; passwords are made by chance; entries of the log are about
// connections.
func aclRule(args []string) rule {
	if len(args) < 2 {
		return exact
	}
	switch strings.ToLower(args[1]) {
	case "list", "getuser":
		return words
	case "genpass", "log":
		return own
	case "cat":
		if len(args) > 2 {
			return own
		}
	}
	return exact
}

// sameWords compares texts whose words come in no order.
func sameWords(a, b Reply) bool {
	if a.Kind() != b.Kind() || len(a.Items) != len(b.Items) {
		return false
	}
	for i := range a.Items {
		if !sameWords(a.Items[i], b.Items[i]) {
			return false
		}
	}
	return slices.Equal(sortedWords(a.Body), sortedWords(b.Body))
}

// later are commands that redis-server 7.0 does not have: what crdb says of
// them in a description is left out.
var later = regexp.MustCompile(`^[-+](crdt\..*|h(p?expire(at|time)?|p?ttl|persist)|client\|(no-touch|setinfo)|waitaof)$`)

func sortedWords(text string) []string {
	text = strings.NewReplacer("(", " ( ", ")", " ) ").Replace(text)
	w := slices.DeleteFunc(strings.Fields(text), later.MatchString)
	slices.Sort(w)
	return w
}
