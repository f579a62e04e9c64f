"""The steps that Redis takes for a log, each of which nobody else comes between: scripts in Lua.

What there is of a run, by its id:

    flask-stream:{ID}           a hash: its owner, its token, its last event, its lease, its end, …
    flask-stream:{ID}:rows      a stream: a row's id is its LAST-0, its one field its count and data
    flask-stream:{ID}:readers   a hash: how many each process has told of, and until when

and what runs are found by; all of it goes with the last run that is in it:

    flask-stream:alive          a sorted set: the runs that have not ended, by when they began
    flask-stream:due            a sorted set: all runs, by when they ended, or their lease runs out
    flask-stream:owner:…        a sorted set: an owner's runs that have not ended, by their lease
    flask-stream:key:…          a sorted set: an owner's runs with one key, by when they began
    flask-stream:once:…         a string: which run of an owner's has answered an Idempotency-Key

Beside these, `flask-stream:wake:…` is what wakes a process that waits: a stream, for some seconds.
None of the others has a time to live, as a net below `expire`: with a `volatile-…` policy Redis
evicts what has one when its memory is full, and that could be a run's rows without the rest. What
nobody has forgotten stays until the next call of `expire`, by whichever process.

Times are Redis's own, in microseconds: the clocks of the machines that share it do not matter.
Scripts find their keys by themselves, and none is declared: a node of a Redis Cluster refuses them
what is on another node. No command is newer than Redis 6.0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha1

_PREFIX = "flask-stream:"

_BEGIN = (
    f"local PREFIX = '{_PREFIX}'"
    + """
local ALIVE, DUE = PREFIX .. 'alive', PREFIX .. 'due'

local function run(id) return PREFIX .. '{' .. id .. '}' end
local function rows(id) return run(id) .. ':rows' end
local function readers(id) return run(id) .. ':readers' end
local function of_owner(owner) return PREFIX .. 'owner:' .. owner end

-- The owner's length, since either of the two may have any character in it.
local function named(kind, owner, name)
    return PREFIX .. kind .. ':' .. #owner .. ':' .. owner .. ':' .. name
end

local function now()
    local time = redis.call('TIME')
    return time[1] * 1000000 + time[2]
end

-- Lua's own way to write a number has no more than 14 digits.
local function text(number) return string.format('%.0f', number) end
"""
)

_LEASE = """
local function lease(id, owner, till)
    redis.call('HSET', run(id), 'leased_until', text(till))
    redis.call('ZADD', DUE, text(till), id)
    redis.call('ZADD', of_owner(owner), text(till), id)
end
"""

_STATE = """
local function state(id, now)
    local found = redis.call('HMGET', run(id), 'owner', 'key', 'last', 'created', 'ended_at',
        'leased_until', 'stopping')
    if not found[1] then return false end
    local count = 0
    for _, told in ipairs(redis.call('HVALS', readers(id))) do
        local each, till = string.match(told, '(%d+) (%d+)')
        if tonumber(till) > now then count = count + each end
    end
    return {id, found[1], found[2], found[3], found[4], found[5] and 1 or 0, found[6] - now,
        found[7] and 1 or 0, count}
end
"""

_FORGET = """
local function forget(id)
    local found = redis.call('HMGET', run(id), 'owner', 'once', 'key')
    local owner, once, key = found[1], found[2], found[3]
    redis.call('UNLINK', run(id), rows(id), readers(id))
    redis.call('ZREM', ALIVE, id)
    redis.call('ZREM', DUE, id)
    if owner then redis.call('ZREM', of_owner(owner), id) end
    if once then redis.call('DEL', named('once', owner, once)) end
    if key then redis.call('ZREM', named('key', owner, key), id) end
end
"""


@dataclass(frozen=True)
class Script:
    """A step, in Lua."""

    source: str

    @cached_property
    def sha(self) -> str:
        """What Redis knows it by."""
        return sha1(self.source.encode(), usedforsecurity=False).hexdigest()


def rows_of(id: str) -> str:
    """The key of a run's stream."""
    return f"{_PREFIX}{{{id}}}:rows"


def wake_of(process: str) -> str:
    """The key of the stream that one process wakes itself with."""
    return f"{_PREFIX}wake:{process}"


# Who asks for a claim again, since no answer came, has the one that it got then: `by` names the
# asking.
CREATE = Script(
    _BEGIN
    + _LEASE
    + """
local id, owner, seconds, by, most = unpack(ARGV, 1, 5)
local given = {}
for at = 6, #ARGV, 2 do given[ARGV[at]] = ARGV[at + 1] end

local before = redis.call('HGET', run(id), 'by')
if before == by then return {'begun'} end
if before then return redis.error_reply('ERR there is a run already whose id is ' .. id) end

if given.once then
    local other = redis.call('GET', named('once', owner, given.once))
    local body = other and redis.call('HGET', run(other), 'body')
    if body then
        return {body == given.body and 'answered' or 'other body', other}
    end
end
local now = now()
if most ~= '' then
    local many = redis.call('ZCOUNT', of_owner(owner), '(' .. text(now), '+inf')
    if many >= tonumber(most) then return {'too many'} end
end

redis.call('HSET', run(id), 'owner', owner, 'token', '1', 'last', '0', 'created', text(now),
    'by', by, unpack(ARGV, 6))
redis.call('ZADD', ALIVE, text(now), id)
lease(id, owner, now + seconds)
if given.once then redis.call('SET', named('once', owner, given.once), id) end
if given.key then
    -- Behind the others, however Redis's clock was set meanwhile.
    local index = named('key', owner, given.key)
    local newest = redis.call('ZREVRANGE', index, 0, 0, 'WITHSCORES')[2]
    redis.call('ZADD', index, text(math.max(now, (newest or 0) + 1)), id)
end
return {'begun'}
"""
)

FORGET = Script(
    _BEGIN
    + _FORGET
    + """
local id, token = unpack(ARGV)
if redis.call('HGET', run(id), 'token') == token then forget(id) end
"""
)

# What `log.new_rows` says, here: all of several processes decide upon one and the same state.
WRITE = Script(
    _BEGIN
    + """
-- Its rows are ARGV[first] up to ARGV[final], three of these each.
-- Gives 1; 0 where it is fenced; the number of the last event where a row is missing behind that.
local function write(now, id, token, ends, first, final)
    local found = redis.call('HMGET', run(id), 'token', 'last', 'ended_at')
    local ended = found[3]
    if found[1] ~= token then return 0 end
    while first <= final and tonumber(ARGV[first]) <= tonumber(found[2]) do first = first + 3 end
    local is_more = first <= final
    if ended and is_more then return 0 end

    local last = tonumber(found[2])
    for row = first, final, 3 do
        if ARGV[row] - ARGV[row + 1] ~= last then return {found[2]} end
        last = tonumber(ARGV[row])
    end
    for row = first, final, 3 do
        redis.call('XADD', rows(id), ARGV[row] .. '-0', ARGV[row + 1], ARGV[row + 2])
    end
    if is_more then redis.call('HSET', run(id), 'last', ARGV[final - 2]) end
    if ends and not ended then
        redis.call('HSET', run(id), 'ended_at', text(now))
        redis.call('ZADD', DUE, text(now), id)
        redis.call('ZREM', ALIVE, id)
        redis.call('ZREM', of_owner(redis.call('HGET', run(id), 'owner')), id)
    end
    return 1
end

local outcomes, at, now = {}, 1, now()
while at <= #ARGV do
    local id, token, ends, count = unpack(ARGV, at, at + 3)
    local final = at + 3 + 3 * count
    outcomes[#outcomes + 1] = write(now, id, token, ends == '1', at + 4, final)
    at = final + 1
end
return outcomes
"""
)

# More rows at a time the more there were of them already: of long ones, few are too many.
READ = Script(
    _BEGIN
    + """
local id, after, most = unpack(ARGV)
local last = redis.call('HGET', run(id), 'last')
if not last then return {} end

local found, size, count = {last}, 0, 1
while true do
    local page = redis.call('XRANGE', rows(id), after .. '-1', '+', 'COUNT', count)
    for _, row in ipairs(page) do
        after = string.match(row[1], '%d+')
        found[#found + 1] = after
        found[#found + 1] = row[2][1]
        found[#found + 1] = row[2][2]
        size = size + #row[2][2]
        if size >= tonumber(most) then return found end
    end
    if #page < count then return found end
    count = math.min(2 * count, 256)
end
"""
)

STATES = Script(
    _BEGIN
    + _STATE
    + """
local states, now = {}, now()
for at, id in ipairs(ARGV) do states[at] = state(id, now) end
return states
"""
)

ALIVE = Script(_BEGIN + "return redis.call('ZRANGE', ALIVE, 0, -1)")

NEWEST = Script(
    _BEGIN
    + """
local owner, key = unpack(ARGV)
return redis.call('ZREVRANGE', named('key', owner, key), 0, 0)[1]
"""
)

ANSWERING = Script(_BEGIN + "return redis.call('GET', named('once', ARGV[1], ARGV[2]))")

RENEW = Script(
    _BEGIN
    + _LEASE
    + _STATE
    + """
local seconds, states, now = ARGV[1], {}, now()
for at = 2, #ARGV, 2 do
    local id, token = ARGV[at], ARGV[at + 1]
    local found = redis.call('HMGET', run(id), 'token', 'ended_at', 'owner')
    if found[1] == token and not found[2] then
        lease(id, found[3], now + seconds)
        states[#states + 1] = state(id, now)
    else
        states[#states + 1] = false
    end
end
return states
"""
)

ATTEND = Script(
    _BEGIN
    + """
local reader, till = ARGV[1], text(now() + ARGV[2])
for at = 3, #ARGV, 2 do
    local id, count = ARGV[at], ARGV[at + 1]
    if redis.call('EXISTS', run(id)) == 1 then
        redis.call('HSET', readers(id), reader, count .. ' ' .. till)
    end
end
"""
)

TAKE_OVER = Script(
    _BEGIN
    + _LEASE
    + """
local id, seconds, by = unpack(ARGV)
local now = now()
local found = redis.call('HMGET', run(id), 'ended_at', 'leased_until', 'by', 'token', 'owner')
if not found[2] or found[1] then return false end
if found[3] == by then return found[4] end
if tonumber(found[2]) > now then return false end
redis.call('HSET', run(id), 'by', by)
lease(id, found[5], now + seconds)
return redis.call('HINCRBY', run(id), 'token', 1)
"""
)

STOP = Script(
    _BEGIN
    + """
local id = ARGV[1]
local found = redis.call('HMGET', run(id), 'owner', 'ended_at')
if not found[1] or found[2] then return 0 end
redis.call('HSET', run(id), 'stopping', 1)
return 1
"""
)

# It forgets that the process was woken, too. That is also why no replica can answer it: what it
# would tell may be old.
LASTS = Script(
    _BEGIN
    + """
redis.call('DEL', ARGV[1])
local lasts = {}
for at = 2, #ARGV do lasts[at - 1] = redis.call('HGET', run(ARGV[at]), 'last') end
return lasts
"""
)

WAKE = Script(
    """
redis.call('XADD', ARGV[1], 'MAXLEN', 1, '*', 'woken', '')
redis.call('PEXPIRE', ARGV[1], ARGV[2])
"""
)

EXPIRE = Script(
    _BEGIN
    + _FORGET
    + """
local seconds, most = unpack(ARGV)
local old = redis.call('ZRANGEBYSCORE', DUE, '-inf', text(now() - seconds), 'LIMIT', 0, most)
for _, id in ipairs(old) do forget(id) end
return #old
"""
)
