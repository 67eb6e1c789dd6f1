const sums = `
  calls bigint not null, errors bigint not null, cached_calls bigint not null, unpriced_calls bigint not null,
  input bigint not null, output bigint not null, cached_input bigint not null, cache_write bigint not null,
  reasoning bigint not null, cost bigint not null, saved bigint not null`

/**
 * Statements that make each version of the schema from the one before. They may be run again where a table was lost.
 * Published versions never change. Times are ms since the epoch, money is in nano-dollars.
 */
export const migrations: readonly (readonly string[])[] = [
  [
    'create table if not exists ledger_schema (version bigint primary key)',
    'create sequence if not exists charge_seq',
    `create table if not exists charge (
  seq bigint not null,
  call_id text not null, attempt bigint not null, part bigint not null, time bigint not null,
  operation text not null, caller text not null, user_id text not null, session_id text not null, labels text not null,
  alias text not null, provider text not null, model text not null, key_id text not null, price_version text not null,
  state bigint not null,
  input bigint, output bigint, cached_input bigint, cache_write bigint, reasoning bigint,
  cost_input bigint, cost_output bigint, saved bigint,
  code bigint not null, reason text not null, upstream_us bigint not null,
  call_code bigint, call_reason text, call_us bigint,
  primary key (time, call_id, attempt, part)
) partition by range (time)`,
    "select setval('charge_seq', coalesce((select max(seq) from charge), 0) + 1)",
    'create index if not exists charge_by_seq on charge (seq)',
    'create index if not exists charge_by_call on charge (call_id)',
    'create index if not exists charge_by_caller on charge (caller, seq)',
    "create index if not exists charge_by_user on charge (user_id, seq) where user_id <> ''",
    `create table if not exists charge_hour (
  hour bigint primary key, first_seq bigint not null, last_seq bigint not null
)`,
    `insert into charge_hour select time / 3600000 * 3600000, min(seq), max(seq) from charge group by 1
  on conflict do nothing`,
    `create table if not exists rollup_day (
  day text not null, caller text not null, user_id text not null, provider text not null, model text not null,
  alias text not null, operation text not null, ${sums},
  primary key (day, caller, user_id, provider, model, alias, operation)
)`,
    `create table if not exists rollup_hour (
  hour bigint not null, caller text not null, provider text not null, model text not null,
  alias text not null, operation text not null, status bigint not null, records bigint not null, ${sums},
  primary key (hour, caller, provider, model, alias, operation, status)
)`,
    `create table if not exists cache_hit (
  time bigint not null, caller text not null, user_id text not null, provider text not null, model text not null,
  alias text not null, operation text not null, hits bigint not null, saved bigint not null,
  primary key (time, caller, user_id, provider, model, alias, operation)
)`,
    'create table if not exists journal (id text primary key, segment bigint not null, position bigint not null)',
    `create table if not exists open_charge (
  id text primary key, call_id text not null, kind text not null, journal text not null, segment bigint not null,
  line text not null
)`,
    'create index if not exists open_charge_by_call on open_charge (call_id)',
    `create table if not exists budget_spent (
  budget text not null, subject text not null, window_start bigint not null,
  nano bigint not null, adjusted_nano bigint not null,
  primary key (budget, subject, window_start)
)`,
    `create table if not exists alert (
  key text primary key, id text not null, body text not null, state text not null, claimed_at bigint not null,
  expires_at bigint not null
)`,
    `create table if not exists audit (
  seq bigint generated always as identity primary key, time bigint not null, call_id text not null,
  caller text not null, peer text not null, method text not null, subject text not null, reason text not null
)`,
  ],
]

export const tables = [
  'ledger_schema',
  'charge_seq',
  'charge',
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
