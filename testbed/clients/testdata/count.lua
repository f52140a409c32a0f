return redis.call('LLEN', KEYS[2]) + tonumber(ARGV[1]) - redis.call('EXISTS', KEYS[1])
