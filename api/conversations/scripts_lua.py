"""The Lua that Redis runs for us: each act on a conversation is one script, so that nothing comes between its parts.

Two rules hold in all of them:

* No script ever reads a conversation's key. What Lua reads becomes a Lua string, a copy in the server's memory
  that nothing overwrites; measured, that is enough for the key to outlive an exit. Keys move by RENAME, which
  moves the object itself.
* What must be gone is overwritten in place first (SETRANGE), then deleted (threats.md: "Redis expiry is not erasure").

Leases run by the server's own clock (TIME); tickets and generations by the caller's, so that a journey replays exactly.
"""

from __future__ import annotations

_TOOLS = """
local function server_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

local function scrub(key)
  local kind = redis.call('TYPE', key).ok
  if kind == 'string' then
    local length = redis.call('STRLEN', key)
    if length > 0 then redis.call('SETRANGE', key, 0, string.rep('\\0', length)) end
  end
  if kind ~= 'none' then redis.call('DEL', key) end
end

local function whole(number) return string.format('%.0f', number) end

local function generation_of(key, floor)
  return math.max(tonumber(redis.call('GET', key) or '0'), tonumber(floor))
end

-- Is it this ticket's turn? Takes the turn if so. The hash holds n (last ticket), h (who has the turn),
-- e (there was an exit) and a deadline for each ticket; a ticket past its deadline belongs to somebody who died.
local function take(queue, ticket, at)
  local fields = redis.call('HGETALL', queue)
  local holder, first, alive = nil, nil, {}
  for i = 1, #fields, 2 do
    local field, value = fields[i], fields[i + 1]
    if field == 'h' then
      holder = value
    elseif field ~= 'n' and field ~= 'e' then
      if tonumber(value) <= at then
        redis.call('HDEL', queue, field)
      else
        alive[field] = true
        if first == nil or tonumber(field) < tonumber(first) then first = field end
      end
    end
  end
  if holder and alive[holder] then return holder == ticket end
  if first == ticket then
    redis.call('HSET', queue, 'h', ticket)
    return true
  end
  if holder then redis.call('HDEL', queue, 'h') end
  return false
end

-- everybody out; the last number stays for a while, so that no ticket is ever given out again
local function empty(queue)
  local last = redis.call('HGET', queue, 'n')
  redis.call('DEL', queue)
  if last then
    redis.call('HSET', queue, 'n', last, 'e', '1')
    redis.call('PEXPIRE', queue, 60000)
  end
end

local function wait_in(queue, ticket, at, lease)
  redis.call('HSET', queue, ticket, whole(at + lease))
  redis.call('PEXPIRE', queue, lease * 6)
end
"""

ARRIVE = _TOOLS + """
-- KEYS mark queue generation quiet rate, then what an exit wipes
-- ARGV now_us now_ms mark_lease turn_lease tombstone floor, then windows: length soft hard …
local generation = tonumber(redis.call('GET', KEYS[3]) or '0')
local floor, tombstone = tonumber(ARGV[6]), tonumber(ARGV[5])
if floor > generation then
  -- this gateway remembers an exit that Redis lost in a fail-over: it happens again before anything else
  for i = 6, #KEYS do scrub(KEYS[i]) end
  empty(KEYS[2])
  redis.call('DEL', KEYS[5])
  redis.call('SET', KEYS[3], ARGV[6], 'PX', tombstone)
  generation = floor
elseif generation > 0 and redis.call('PTTL', KEYS[3]) < tombstone then
  redis.call('PEXPIRE', KEYS[3], tombstone)
end
local quiet = redis.call('EXISTS', KEYS[4])

local mark = redis.call('GET', KEYS[1])
if mark then return table.concat({mark == 'p' and 1 or 2, 0, whole(generation), quiet, 0, 0}, ' ') end
redis.call('SET', KEYS[1], 'p', 'PX', ARGV[3])

local over, longest, most, now = 0, 0, 0, tonumber(ARGV[2])
-- stragglers of an exit are not counted: whoever writes after them is a stranger, and met as one
if quiet == 0 then redis.call('LPUSH', KEYS[5], ARGV[2]) end
for i = 7, quiet == 0 and #ARGV or 6, 3 do
  local length = tonumber(ARGV[i])
  longest = math.max(longest, length)
  for step = 1, 2 do
    local limit = tonumber(ARGV[i + step])
    most = math.max(most, limit)
    local before = redis.call('LINDEX', KEYS[5], limit - 1)
    if before and now - before < length and now - before >= 0 then over = math.max(over, step) end
  end
end
if quiet == 0 then
  redis.call('LTRIM', KEYS[5], 0, most - 1)
  redis.call('PEXPIRE', KEYS[5], longest)
end

local at, lease = server_ms(), tonumber(ARGV[4])
local ticket = whole(math.max(tonumber(redis.call('HGET', KEYS[2], 'n') or '0') + 1, tonumber(ARGV[1])))
redis.call('HSET', KEYS[2], 'n', ticket)
wait_in(KEYS[2], ticket, at, lease)
return table.concat({0, ticket, whole(generation), quiet, over, take(KEYS[2], ticket, at) and 1 or 0}, ' ')
"""
"""→ duplicate (0 no, 1 in progress, 2 done), ticket, generation, quiet, over (0, 1 soft, 2 hard), has the turn.

One line of text and not a table: after a table Redis puts whatever else it answers in the same go, and that is the
key, into blocks of memory of its own that it frees without overwriting. After plain answers it stays in the client's
fixed buffer, which :class:`api.conversations.wire.Wire` fills with zeros. With a table, most exits left a key
behind (tests/api/conversations/test_scrubbing.py).
"""

POLL = _TOOLS + """
-- KEYS queue generation mark; ARGV ticket own_generation floor turn_lease mark_lease
if generation_of(KEYS[2], ARGV[3]) > tonumber(ARGV[2]) then
  redis.call('HDEL', KEYS[1], ARGV[1])
  return -1
end
local at = server_ms()
if tonumber(redis.call('HGET', KEYS[1], 'n') or '0') < tonumber(ARGV[1]) then
  redis.call('HSET', KEYS[1], 'n', ARGV[1])
end
wait_in(KEYS[1], ARGV[1], at, tonumber(ARGV[4]))
if redis.call('GET', KEYS[3]) == 'p' then redis.call('PEXPIRE', KEYS[3], ARGV[5]) end
return take(KEYS[1], ARGV[1], at) and 1 or 0
"""
"""→ 1 it is this ticket's turn, 0 not yet, -1 an exit came in between."""

RENEW = _TOOLS + """
-- KEYS queue mark; ARGV ticket turn_lease mark_lease
if redis.call('HGET', KEYS[1], 'h') ~= ARGV[1] then return 0 end
wait_in(KEYS[1], ARGV[1], server_ms(), tonumber(ARGV[2]))
if redis.call('GET', KEYS[2]) == 'p' then redis.call('PEXPIRE', KEYS[2], ARGV[3]) end
return 1
"""
"""→ 1 the turn is still ours, 0 it was lost."""

LEAVE = _TOOLS + """
-- KEYS queue mark; ARGV ticket done(0|1) done_ttl
if ARGV[2] == '1' and redis.call('GET', KEYS[2]) ~= 'x' then redis.call('SET', KEYS[2], 'd', 'PX', ARGV[3]) end
if ARGV[1] == '0' then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
if redis.call('HGET', KEYS[1], 'h') == ARGV[1] then redis.call('HDEL', KEYS[1], 'h') end
-- not after an exit (e): whoever waits from before it must not share their number with a newcomer
if redis.call('HLEN', KEYS[1]) <= 1 then redis.call('DEL', KEYS[1]) end
return 1
"""
"""Leave the queue, having the turn or not; with done, the message's mark says so for a day."""

SAVE = _TOOLS + """
-- KEYS queue generation key state staged; ARGV ticket own_generation floor sealed ttl planted tombstone
local refused = 0
local generation = generation_of(KEYS[2], ARGV[3])
if generation > tonumber(ARGV[2]) then refused = 1
elseif redis.call('HGET', KEYS[1], 'h') ~= ARGV[1] then refused = 2
elseif ARGV[6] == '0' and redis.call('EXISTS', KEYS[3]) == 0 then refused = 3 end
if refused > 0 then
  if ARGV[6] == '1' then scrub(KEYS[5]) end
  return refused
end
if ARGV[6] == '1' then
  if redis.call('EXISTS', KEYS[5]) == 0 then return 3 end
  scrub(KEYS[3])
  redis.call('RENAME', KEYS[5], KEYS[3])
end
redis.call('SET', KEYS[4], ARGV[4], 'PX', ARGV[5])
redis.call('PEXPIRE', KEYS[3], ARGV[5])
-- the tombstone outlives what it guards
if generation > 0 then
  redis.call('PEXPIRE', KEYS[2], math.max(redis.call('PTTL', KEYS[2]), tonumber(ARGV[5]), tonumber(ARGV[7])))
end
return 0
"""
"""→ 0 saved, 1 an exit came in between, 2 the turn was lost, 3 the key lapsed: plant a new one."""

EXIT = _TOOLS + """
-- KEYS mark generation quiet queue rate, then what is wiped; ARGV now_us floor mark_ttl tombstone quiet
local generation = generation_of(KEYS[2], ARGV[2])
if ARGV[6] == '1' and redis.call('GET', KEYS[1]) == 'x' then return {1, generation} end
for i = 6, #KEYS do scrub(KEYS[i]) end
empty(KEYS[4])
redis.call('DEL', KEYS[5]) -- how much somebody wrote says to the next that somebody wrote
generation = math.max(generation + 1, tonumber(ARGV[1]))
redis.call('SET', KEYS[2], whole(generation), 'PX', ARGV[4])
redis.call('SET', KEYS[3], '1', 'PX', ARGV[5])
if ARGV[6] == '1' then redis.call('SET', KEYS[1], 'x', 'PX', ARGV[3]) end
return {0, generation}
"""
"""→ replayed, generation. Anything but a certain replay is an exit (safety.md)."""

FORGET = _TOOLS + """
-- KEYS queue key state …; ARGV at_most: only what has no longer than this to live, -1 for all
if redis.call('HEXISTS', KEYS[1], 'h') == 1 and ARGV[1] ~= '-1' then return 0 end
local gone = 0
for i = 2, #KEYS do
  if ARGV[1] == '-1' or redis.call('PTTL', KEYS[i]) <= tonumber(ARGV[1]) then
    scrub(KEYS[i])
    gone = gone + 1
  end
end
return gone
"""
"""Overwrite and delete without a tombstone: what thirty minutes of silence or ``forget`` do."""

KEEP = """
-- KEYS generation, then key and state of each channel; ARGV ttl stamp
for i = 1, #KEYS do
  local left = redis.call('PTTL', KEYS[i])
  if left >= 0 and left < tonumber(ARGV[1]) then redis.call('PEXPIRE', KEYS[i], ARGV[1]) end
end
for i = 3, #KEYS, 2 do
  if redis.call('EXISTS', KEYS[i]) == 1 and redis.call('GETRANGE', KEYS[i], 0, #ARGV[2] - 1) < ARGV[2] then
    redis.call('SETRANGE', KEYS[i], 0, ARGV[2])
  end
end
return 1
"""
"""Lengthen the life of what is there (a ticket is open); never shorten it."""

ALL = (ARRIVE, POLL, RENEW, LEAVE, SAVE, EXIT, FORGET, KEEP)
