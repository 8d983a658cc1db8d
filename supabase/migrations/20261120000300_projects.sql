-- The tables that planners, trainers and clients name: users, projects, datasets, agent_logs, messages.
-- Owners reach their own rows as Supabase Auth users; agents reach all with the service role.

create table public.users (
  id uuid primary key references auth.users on delete cascade,
  email text,
  created_at timestamptz not null default corral.now()
);

-- Keeps public.users in step with the users of Supabase Auth.
create function corral.copy_user() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
  insert into public.users (id, email) values (new.id, new.email)
  on conflict (id) do update set email = excluded.email;
  return null;
end
$$;
revoke execute on function corral.copy_user from public;
create trigger corral_copy_user after insert or update of email on auth.users
  for each row execute function corral.copy_user();
insert into public.users (id, email) select id, email from auth.users;

create type public.project_status as enum (
  'draft', 'pending_dataset', 'pending_training', 'training', 'completed', 'failed'
);

create table public.projects (
  id uuid primary key default gen_random_uuid(),
  -- Null where a client without a token made the project: only admins and such clients reach it.
  user_id uuid default auth.uid() references public.users on delete cascade,
  name text not null default 'Untitled project',
  task_type text,
  framework text,
  dataset_source text default 'kaggle',
  search_keywords text[] not null default '{}',
  status public.project_status not null default 'draft',
  metadata jsonb not null default '{}',
  created_at timestamptz not null default corral.now(),
  updated_at timestamptz not null default corral.now()
);
create index projects_user_id_idx on public.projects (user_id);
create index projects_waiting_idx on public.projects (id) where status = 'pending_dataset';
comment on column public.projects.metadata is
  'Wishes for the dataset: kaggle_ref, max_dataset_size_gb, allowed_licenses. kaggle_credentials {username, key} go to Vault and never show up here.';

-- Notes when a row was last changed.
create function corral.touch() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
  new.updated_at := corral.now();
  return new;
end
$$;
revoke execute on function corral.touch from public;
create trigger projects_touch before update on public.projects
  for each row execute function corral.touch();

create table public.datasets (
  id uuid primary key default gen_random_uuid(),
  project_id uuid not null references public.projects on delete cascade,
  name text not null,
  gcs_url text not null,
  size text,
  source text not null default 'kaggle',
  created_at timestamptz not null default corral.now(),
  size_bytes bigint,
  crc32c text,
  md5 text,
  kaggle_version int,
  license text,
  candidates jsonb,
  unique (project_id, gcs_url)
);
create index datasets_newest_idx on public.datasets (project_id, created_at desc, id);
create index datasets_gcs_url_idx on public.datasets (gcs_url);
comment on column public.datasets.crc32c is 'Base64 of the big-endian CRC32C, as Cloud Storage writes it.';
comment on column public.datasets.md5 is 'Base64, as Cloud Storage writes it.';
comment on column public.datasets.candidates is 'What was judged, the chosen one first, each with its score and the parts of the score.';

create table public.agent_logs (
  id bigint generated always as identity primary key,
  project_id uuid references public.projects on delete cascade,
  agent_name text not null,
  message text not null,
  log_level text not null default 'info',
  created_at timestamptz not null default corral.now()
);
create index agent_logs_newest_idx on public.agent_logs (project_id, id desc);
create index agent_logs_created_at_idx on public.agent_logs using brin (created_at);

create table public.messages (
  id bigint generated always as identity primary key,
  user_id uuid default auth.uid() references public.users on delete cascade,
  role text not null,
  content text not null,
  created_at timestamptz not null default corral.now()
);
create index messages_newest_idx on public.messages (user_id, id desc);

-- Supabase grants everything on new tables in public to everybody; here is what each role really needs.
revoke all on public.users, public.projects, public.datasets, public.agent_logs, public.messages
  from anon, authenticated, service_role;
revoke all on sequence public.agent_logs_id_seq, public.messages_id_seq from anon, authenticated, service_role;
grant select, insert, update, delete on public.projects, public.datasets, public.agent_logs, public.messages
  to service_role;
grant select on public.users to service_role;
grant select, insert, update, delete on public.projects to authenticated;
grant select on public.users, public.datasets, public.agent_logs, public.messages to authenticated;
grant insert (user_id, role, content) on public.messages to authenticated;

alter table public.users enable row level security;
alter table public.projects enable row level security;
alter table public.datasets enable row level security;
alter table public.agent_logs enable row level security;
alter table public.messages enable row level security;

create policy "users see themselves" on public.users
  for select to authenticated using (id = (select auth.uid()));

create policy "owners do as they like with their projects" on public.projects
  to authenticated using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));

create policy "owners see their projects' datasets" on public.datasets
  for select to authenticated
  using (project_id in (select id from public.projects where user_id = (select auth.uid())));

create policy "owners see their projects' logs" on public.agent_logs
  for select to authenticated
  using (project_id in (select id from public.projects where user_id = (select auth.uid())));

create policy "users see their messages" on public.messages
  for select to authenticated using (user_id = (select auth.uid()));

create policy "users speak for themselves" on public.messages
  for insert to authenticated with check (user_id = (select auth.uid()) and role = 'user');
