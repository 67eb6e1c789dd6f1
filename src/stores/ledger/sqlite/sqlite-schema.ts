const sums = `
  calls integer not null, errors integer not null, cached_calls integer not null, unpriced_calls integer not null,
  input integer not null, output integer not null, cached_input integer not null, cache_write integer not null,
  reasoning integer not null, cost integer not null, saved integer not null`

/**
 * Statements that make each version of the schema from the one before. They may be executed again where a table was
 * lost. Published versions never change.
 */
export const migrations: readonly string[] = [
  `
create table if not exists charge (
  seq integer primary key,
  call_id text not null, attempt integer not null, part integer not null, time integer not null,
  operation text not null, caller text not null, user_id text not null, session_id text not null, labels text not null,
  alias text not null, provider text not null, model text not null, key_id text not null, price_version text not null,
  state integer not null,
  input integer, output integer, cached_input integer, cache_write integer, reasoning integer,
  cost_input integer, cost_output integer, saved integer,
  code integer not null, reason text not null, upstream_us integer not null,
  call_code integer, call_reason text, call_us integer
) strict;
create index if not exists charge_by_call on charge (call_id);
create index if not exists charge_by_caller on charge (caller);
create index if not exists charge_by_user on charge (user_id) where user_id <> '';
create table if not exists charge_number (next integer not null) strict;
insert into charge_number select coalesce(max(seq), 0) + 1 from charge where not exists (select 1 from charge_number);
create table if not exists charge_hour (
  hour integer primary key, first_seq integer not null, last_seq integer not null
) strict;
insert into charge_hour select time / 3600000 * 3600000, min(seq), max(seq) from charge where true group by 1
  on conflict do nothing;
create table if not exists rollup_day (
  day text not null, caller text not null, user_id text not null, provider text not null, model text not null,
  alias text not null, operation text not null, ${sums},
  primary key (day, caller, user_id, provider, model, alias, operation)
) strict, without rowid;
create table if not exists rollup_hour (
  hour integer not null, caller text not null, provider text not null, model text not null,
  alias text not null, operation text not null, status integer not null, records integer not null, ${sums},
  primary key (hour, caller, provider, model, alias, operation, status)
) strict, without rowid;
create table if not exists cache_hit (
  time integer not null, caller text not null, user_id text not null, provider text not null, model text not null,
  alias text not null, operation text not null, hits integer not null, saved integer not null,
  primary key (time, caller, user_id, provider, model, alias, operation)
) strict, without rowid;
create table if not exists journal (id text primary key, segment integer not null, position integer not null) strict;
create table if not exists open_charge (
  id text primary key, call_id text not null, kind text not null, journal text not null, segment integer not null,
  line text not null
) strict;
create index if not exists open_charge_by_call on open_charge (call_id);
create table if not exists budget_spent (
  budget text not null, subject text not null, window_start integer not null,
  nano integer not null, adjusted_nano integer not null,
  primary key (budget, subject, window_start)
) strict, without rowid;
create table if not exists alert (
  key text primary key, id text not null, body text not null, state text not null, claimed_at integer not null,
  expires_at integer not null
) strict;
create table if not exists audit (
  seq integer primary key, time integer not null, call_id text not null, caller text not null, peer text not null,
  method text not null, subject text not null, reason text not null
) strict;
`,
]

export const tables = [
  'charge',
  'charge_number',
  'charge_hour',
  'rollup_day',
  'rollup_hour',
  'cache_hit',
  'journal',
  'open_charge',
  'budget_spent',
  'alert',
  'audit',
] as const
