import type { Redis } from "ioredis";

/*
 * What has to be done as a whole in Redis, so that any number of replicas can do it at once. The keys:
 *
 *   match:player:<user>       `ticket <id>` while in a queue; `end <why>` or `match <id>` for a while after
 *   match:ticket:<id>         hash: mode, status (gathering, waiting, ready_check, starting), users (JSON), member:<user> (JSON; empty
 *                             until confirmed), unconfirmed, queue_time, requeues, match
 *   match:queue:<mode>        sorted set of the tickets that wait: who is requeued stands in front, then by queue_time
 *   match:found:<id>          hash: mode, status (ready_check, starting, started), tickets and players (JSON), deadline, ready:<user>
 *   match:deadlines           sorted set of `ticket <id>` and `match <id>` by when something has to become of them
 *   match:starting            matches that all are ready for, to be written into Postgres
 *   match:wait:<mode>         a moving average of how long tickets waited
 *
 * Time is Redis's, the same for all replicas. The keys follow from each other, so this is for one Redis, not for a cluster of them.
 */

const common = `
  local function now()
    local time = redis.call('TIME')
    return time[1] * 1000 + math.floor(time[2] / 1000)
  end
  local function tell(users)
    if #users > 0 then redis.call('PUBLISH', 'match:news', table.concat(users, ' ')) end
  end
  local function append(list, more)
    for _, one in ipairs(more) do list[#list + 1] = one end
  end
  -- The ticket that a player is in, if any.
  local function ticket_of(user)
    local ticket = string.match(redis.call('GET', 'match:player:' .. user) or '', '^ticket (.*)$')
    return ticket and redis.call('EXISTS', 'match:ticket:' .. ticket) == 1 and ticket
  end
  local function remember(user, what)
    redis.call('SET', 'match:player:' .. user, what, 'PX', 600000)
  end
  local function users_of(ticket)
    return cjson.decode(redis.call('HGET', 'match:ticket:' .. ticket, 'users'))
  end
  local function enqueue(ticket, longest_wait)
    local key = 'match:ticket:' .. ticket
    redis.call('HSETNX', key, 'queue_time', now())
    redis.call('HSET', key, 'status', 'waiting')
    local fields = redis.call('HMGET', key, 'mode', 'queue_time', 'requeues')
    redis.call('ZADD', 'match:queue:' .. fields[1], fields[2] - fields[3] * 86400000, ticket)
    redis.call('ZADD', 'match:deadlines', fields[2] + longest_wait, 'ticket ' .. ticket)
  end
  -- Takes a ticket out of everything; why is for its players. Returns them.
  local function finish(ticket, why)
    local key = 'match:ticket:' .. ticket
    local users = users_of(ticket)
    redis.call('ZREM', 'match:queue:' .. redis.call('HGET', key, 'mode'), ticket)
    redis.call('ZREM', 'match:deadlines', 'ticket ' .. ticket)
    redis.call('DEL', key)
    for _, user in ipairs(users) do
      if redis.call('GET', 'match:player:' .. user) == 'ticket ' .. ticket then remember(user, why) end
    end
    return users
  end
  -- Ends a ready check: the tickets in lost go, the others wait again. Returns whom to tell.
  local function call_off(match, lost, why, longest_wait)
    local users = {}
    for _, ticket in ipairs(cjson.decode(redis.call('HGET', 'match:found:' .. match, 'tickets'))) do
      if lost[ticket] then
        append(users, finish(ticket, 'end ' .. why))
      else
        redis.call('HINCRBY', 'match:ticket:' .. ticket, 'requeues', 1)
        redis.call('HDEL', 'match:ticket:' .. ticket, 'match')
        enqueue(ticket, longest_wait)
        append(users, users_of(ticket))
      end
    end
    redis.call('DEL', 'match:found:' .. match)
    redis.call('ZREM', 'match:deadlines', 'match ' .. match)
    return users
  end
`;

const scripts = {
  /** ticket, mode, caller, the caller's member, users (JSON), milliseconds to gather, longest wait. @returns ok or already_queued */
  joinQueue: `
    local ticket, mode, caller, member, users = ARGV[1], ARGV[2], ARGV[3], ARGV[4], cjson.decode(ARGV[5])
    if ticket_of(caller) then return 'already_queued' end
    local key = 'match:ticket:' .. ticket
    redis.call('HSET', key, 'mode', mode, 'status', 'gathering', 'users', ARGV[5], 'unconfirmed', #users - 1, 'requeues', 0)
    for _, user in ipairs(users) do redis.call('HSET', key, 'member:' .. user, '') end
    redis.call('HSET', key, 'member:' .. caller, member)
    redis.call('SET', 'match:player:' .. caller, 'ticket ' .. ticket)
    if #users == 1 then enqueue(ticket, ARGV[7])
    else redis.call('ZADD', 'match:deadlines', now() + ARGV[6], 'ticket ' .. ticket) end
    tell({ caller })
    return 'ok'`,
  /** ticket, user, their member, longest wait. @returns ok, ticket_unknown or already_queued */
  confirmQueue: `
    local ticket, user = ARGV[1], ARGV[2]
    local key = 'match:ticket:' .. ticket
    local member = redis.call('HGET', key, 'member:' .. user)
    if not member then return 'ticket_unknown' end
    if ticket_of(user) == ticket then return 'ok' end
    if ticket_of(user) then return 'already_queued' end
    redis.call('HSET', key, 'member:' .. user, ARGV[3])
    redis.call('SET', 'match:player:' .. user, 'ticket ' .. ticket)
    if redis.call('HINCRBY', key, 'unconfirmed', -1) == 0 then enqueue(ticket, ARGV[4]) end
    tell(users_of(ticket))
    return 'ok'`,
  /** user, longest wait. @returns ok or match_starting */
  leaveQueue: `
    local ticket = ticket_of(ARGV[1])
    if not ticket then return 'ok' end
    local fields = redis.call('HMGET', 'match:ticket:' .. ticket, 'status', 'match')
    if fields[1] == 'starting' then return 'match_starting' end
    if fields[1] == 'ready_check' then tell(call_off(fields[2], { [ticket] = true }, 'declined', ARGV[2]))
    else tell(finish(ticket, 'end left')) end
    return 'ok'`,
  /** match, mode, tickets (JSON), players (JSON), milliseconds to get ready. @returns 1, or 0 when a ticket waits no longer */
  claimMatch: `
    local match, mode, tickets = ARGV[1], ARGV[2], cjson.decode(ARGV[3])
    for _, ticket in ipairs(tickets) do
      if not redis.call('ZSCORE', 'match:queue:' .. mode, ticket) then return 0 end
    end
    local key, deadline = 'match:found:' .. match, now() + ARGV[5]
    redis.call('HSET', key, 'mode', mode, 'status', 'ready_check', 'tickets', ARGV[3], 'players', ARGV[4], 'deadline', deadline)
    redis.call('ZADD', 'match:deadlines', deadline, 'match ' .. match)
    local users, average = {}, redis.call('GET', 'match:wait:' .. mode)
    for _, ticket in ipairs(tickets) do
      redis.call('ZREM', 'match:queue:' .. mode, ticket)
      redis.call('ZREM', 'match:deadlines', 'ticket ' .. ticket)
      redis.call('HSET', 'match:ticket:' .. ticket, 'status', 'ready_check', 'match', match)
      append(users, users_of(ticket))
      local waited = now() - redis.call('HGET', 'match:ticket:' .. ticket, 'queue_time')
      average = average and average + (waited - average) / 20 or waited
    end
    redis.call('SET', 'match:wait:' .. mode, math.floor(average))
    for _, user in ipairs(users) do redis.call('HSET', key, 'ready:' .. user, 0) end
    tell(users)
    return 1`,
  /** match, user, 1 or 0, longest wait. @returns ok, starting when all are ready now, match_unknown or ready_check_over */
  respondReadyCheck: `
    local match, user, ready = ARGV[1], ARGV[2], ARGV[3] == '1'
    local key = 'match:found:' .. match
    local fields = redis.call('HMGET', key, 'status', 'deadline', 'ready:' .. user, 'players')
    if not fields[3] then return 'match_unknown' end
    if fields[1] ~= 'ready_check' then return ready and 'ok' or 'ready_check_over' end
    if now() > tonumber(fields[2]) then return 'ready_check_over' end
    if not ready then
      tell(call_off(match, { [ticket_of(user) or ''] = true }, 'declined', ARGV[4]))
      return 'ok'
    end
    redis.call('HSET', key, 'ready:' .. user, 1)
    local users, all = {}, true
    for _, player in ipairs(cjson.decode(fields[4])) do
      users[#users + 1] = player.userId
      all = all and redis.call('HGET', key, 'ready:' .. player.userId) == '1'
    end
    if all then
      redis.call('HSET', key, 'status', 'starting')
      redis.call('ZREM', 'match:deadlines', 'match ' .. match)
      redis.call('SADD', 'match:starting', match)
      for _, ticket in ipairs(cjson.decode(redis.call('HGET', key, 'tickets'))) do
        redis.call('HSET', 'match:ticket:' .. ticket, 'status', 'starting')
      end
    end
    tell(users)
    return all and 'starting' or 'ok'`,
  /** match, which Postgres knows by now. */
  startMatch: `
    local match = ARGV[1]
    local key = 'match:found:' .. match
    redis.call('SREM', 'match:starting', match)
    if redis.call('HGET', key, 'status') ~= 'starting' then return end
    local users = {}
    for _, ticket in ipairs(cjson.decode(redis.call('HGET', key, 'tickets'))) do
      append(users, finish(ticket, 'match ' .. match))
    end
    redis.call('HSET', key, 'status', 'started')
    redis.call('PEXPIRE', key, 600000)
    tell(users)`,
  /** longest wait. Ends what is past its deadline. @returns how many ready checks and how many tickets that were */
  expireDue: `
    local checks, tickets = 0, 0
    for _, due in ipairs(redis.call('ZRANGEBYSCORE', 'match:deadlines', '-inf', now(), 'LIMIT', 0, 100)) do
      local kind, id = string.match(due, '^(%a+) (.*)$')
      redis.call('ZREM', 'match:deadlines', due)
      if redis.call('EXISTS', (kind == 'match' and 'match:found:' or 'match:ticket:') .. id) == 1 then
        if kind == 'ticket' then
          tickets = tickets + 1
          local gathers = redis.call('HGET', 'match:ticket:' .. id, 'status') == 'gathering'
          tell(finish(id, gathers and 'end gather_timeout' or 'end expired'))
        else
          checks = checks + 1
          local lost = {}
          for _, player in ipairs(cjson.decode(redis.call('HGET', 'match:found:' .. id, 'players'))) do
            if redis.call('HGET', 'match:found:' .. id, 'ready:' .. player.userId) ~= '1' then lost[player.ticketId] = true end
          end
          tell(call_off(id, lost, 'ready_timeout', ARGV[1]))
        end
      end
    end
    return { checks, tickets }`,
  /** user. @returns what they are (as in match:player), their ticket's fields, their match's fields, the average wait */
  readStanding: `
    local player = redis.call('GET', 'match:player:' .. ARGV[1]) or ''
    local kind, id = string.match(player, '^(%a+) (.*)$')
    if kind == 'match' then return { player, {}, redis.call('HGETALL', 'match:found:' .. id) } end
    if kind ~= 'ticket' then return { player, {}, {} } end
    local ticket = redis.call('HGETALL', 'match:ticket:' .. id)
    local mode, match = unpack(redis.call('HMGET', 'match:ticket:' .. id, 'mode', 'match'))
    local found = match and redis.call('HGETALL', 'match:found:' .. match) or {}
    return { player, ticket, found, mode and redis.call('GET', 'match:wait:' .. mode) }`,
  /** replica, milliseconds. @returns 1 when the replica leads for that long from now */
  takeLead: `
    local leader = redis.call('GET', 'match:leader')
    if leader and leader ~= ARGV[1] then return 0 end
    redis.call('SET', 'match:leader', ARGV[1], 'PX', ARGV[2])
    return 1`,
};

type Script = (...args: (string | number)[]) => Promise<unknown>;

/** Teaches `redis` the scripts. */
export function defineQueueScripts(redis: Redis): Record<keyof typeof scripts, Script> {
  for (const [name, lua] of Object.entries(scripts)) redis.defineCommand(name, { numberOfKeys: 0, lua: common + lua });
  return redis as unknown as Record<keyof typeof scripts, Script>;
}
