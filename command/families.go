package command

// families lists the table slices of the package: one for each group of
// commands.
func families() [][]*Command {
	return [][]*Command{
		stringCommands, bitCommands, hllCommands, setCommands, hashCommands, listCommands, zsetCommands, geoCommands, keyCommands, streamCommands,
		multiCommands, pubsubCommands, connectionCommands, clientCommands,
		commandCommands, configCommands, aclCommands, monitorCommands, serverCommands, saveCommands, waitCommands,
		slowlogCommands, latencyCommands, memoryCommands, objectCommands, scriptCommands, functionCommands, crdtCommands,
	}
}
