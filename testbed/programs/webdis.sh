# webdis, which offers Redis over HTTP.
set -eu
dir=$(mktemp -d)
printf '{"redis_host":"127.0.0.1","redis_port":%s,"http_host":"127.0.0.1","http_port":27379,"threads":2,"logfile":"%s/log"}' "$PORT" "$dir" >"$dir/json"
webdis "$dir/json" >&2 &
webdis=$!
trap 'kill $webdis; rm -r "$dir"' EXIT
until curl -s -m 1 127.0.0.1:27379/PING >/dev/null; do sleep 0.2; done
for url in SET/hello/world GET/hello GET/hello.txt LPUSH/list/a/b LRANGE/list/0/-1 HSET/hash/a/1 HGETALL/hash.json TYPE/list.txt GET/list MGET/hello/none; do
	curl -s -m 3 "127.0.0.1:27379/$url"
	echo
done
(sleep 0.5 && redis-cli -p "$PORT" publish channel message >/dev/null) &
curl -s -m 2 127.0.0.1:27379/SUBSCRIBE/channel || echo
