# Makes enrolments, one a line, of a table with a header: see "Build the documents" in ../enrol.md.
#
# $masters: one object that maps each server, as host:port, to the ARN of its administrator's secret.
# Adapt the config vars to your manifest. The engines' fields are in ../reference.md.

def url($scheme): "\($scheme)://{{ username }}:{{ password | urlencode }}@{{ host }}:{{ port }}/{{ dbname }}";

split("\n") | map(rtrimstr("\r") | select(. != "") | split(","))
| .[0] as $names
| .[1:][]
| . as $row
| if length == ($names | length) then . else error("row \(.[0]) has \(length) columns, not \($names | length)") end
| reduce range($names | length) as $i ({}; .[$names[$i]] = $row[$i])
| "\(.host):\(.port)" as $server
| ($masters[0][$server] // error("no administrator's secret for server \($server)")) as $master
| {
    Document: {
      engine, host, port: (.port | tonumber), dbname, username, password,
      masterarn: $master,
      heroku: {
        api, addon_id,
        config: { ACME_URL: url(.engine) }
      }
    }
  }
  + if .api == "v3" then { RefreshToken: .refresh_token } else {} end
