package command

// geoCommands are the commands on sorted sets of places.
var geoCommands = []*Command{
	{Name: "geoadd", Summary: "Adds places to a geo set. Creates the key if it is missing.", Handler: geoAdd},
	{Name: "geodist", Summary: "Returns the distance between two places.", Handler: geoDist},
	{Name: "geohash", Summary: "Returns the geohash texts of places.", Handler: geoHash},
	{Name: "geopos", Summary: "Returns longitude and latitude of places.", Handler: geoPos},
	{Name: "georadius", Summary: "Returns or stores the places within a distance of a point.", Handler: geoRadius},
	{Name: "georadius_ro", Summary: "Returns the places within a distance of a point.", Handler: geoRadiusRO},
	{Name: "georadiusbymember", Summary: "Returns or stores the places within a distance of a place.", Handler: geoRadiusByMember},
	{Name: "georadiusbymember_ro", Summary: "Returns the places within a distance of a place.", Handler: geoRadiusByMemberRO},
	{Name: "geosearch", Summary: "Returns the places within a circle or a box.", Handler: geoSearch},
	{Name: "geosearchstore", Summary: "Stores the places within a circle or a box.", Handler: geoSearchStore},
}
