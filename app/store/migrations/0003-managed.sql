-- What is managed beside the config file (docs/management.md): an entry an agent, trunk, tenant, number or credentials.

-- Versions grow over all entries, so that one that was removed and made anew never has an old version again.
create sequence managed_versions;

create table managed (
  kind text not null check (kind in ('agents', 'trunks', 'tenants', 'numbers', 'credentials')),
  name text collate "C" not null,
  -- As it was written, with every secret that was given by value wrapped. json: what PostgreSQL's jsonb does not take, such as U+0000, the config judges.
  entry json not null,
  version bigint not null default nextval('managed_versions'),
  updated_at timestamptz not null default clock_timestamp(),
  updated_by text not null,
  primary key (kind, name)
);
