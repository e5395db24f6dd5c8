-- Sends the requests of a file as they are: one over and over, or several in a fixed random order.
-- The file holds, for each request, its length in bytes on a line of its own and then its bytes.
local requests = {}
local file = assert(io.open(os.getenv("BENCH_REQUESTS"), "rb"))
for length in file:lines() do
  requests[#requests + 1] = file:read(tonumber(length))
end
file:close()

-- Without a global `request` function wrk formats the request once and never calls Lua again.
function wrk.init() end
function wrk.request() return requests[1] end
if #requests > 1 then
  math.randomseed(7)
  function request() return requests[math.random(#requests)] end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"bytes":%d,"seconds":%f,"p50":%d,"p99":%d,"socketErrors":%d,"statusErrors":%d}\n',
    summary.requests, summary.bytes, summary.duration / 1e6, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.timeout, errors.status))
end
