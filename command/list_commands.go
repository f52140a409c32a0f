package command

// listCommands are the commands on lists.
var listCommands = []*Command{
	{Name: "blmove", Summary: "Moves an element from one list to another; waits for one.", Handler: listBlockMove},
	{Name: "blmpop", Summary: "Removes elements from the first list that has any; waits for one.", Handler: listBlockMPop},
	{Name: "blpop", Summary: "Removes the first element of the first list that has any; waits for one.", Handler: listBlockPopLeft},
	{Name: "brpop", Summary: "Removes the last element of the first list that has any; waits for one.", Handler: listBlockPopRight},
	{Name: "brpoplpush", Summary: "Moves the last element of a list to the front of another; waits for one.", Handler: listBlockRotate},
	{Name: "lindex", Summary: "Returns the element at an index.", Handler: listIndex},
	{Name: "linsert", Summary: "Puts an element before or after another.", Handler: listInsert},
	{Name: "llen", Summary: "Returns how many elements a list has.", Handler: listLen},
	{Name: "lmove", Summary: "Moves an element from one list to another.", Handler: listMove},
	{Name: "lmpop", Summary: "Removes elements from the first list that has any.", Handler: listMPop},
	{Name: "lpop", Summary: "Removes the first elements of a list and returns them.", Handler: listPopLeft},
	{Name: "lpos", Summary: "Returns the indexes of elements that match.", Handler: listPos},
	{Name: "lpush", Summary: "Adds elements at the front. Creates the key if it is missing.", Handler: listPushLeft},
	{Name: "lpushx", Summary: "Adds elements at the front of a list that exists.", Handler: listPushXLeft},
	{Name: "lrange", Summary: "Returns the elements between two indexes.", Handler: listRange},
	{Name: "lrem", Summary: "Removes elements that equal a value.", Handler: listRemove},
	{Name: "lset", Summary: "Replaces the element at an index.", Handler: listSet},
	{Name: "ltrim", Summary: "Removes all elements but those between two indexes.", Handler: listTrim},
	{Name: "rpop", Summary: "Removes the last elements of a list and returns them.", Handler: listPopRight},
	{Name: "rpoplpush", Summary: "Moves the last element of a list to the front of another.", Handler: listRotate},
	{Name: "rpush", Summary: "Adds elements at the end. Creates the key if it is missing.", Handler: listPushRight},
	{Name: "rpushx", Summary: "Adds elements at the end of a list that exists.", Handler: listPushXRight},
}
