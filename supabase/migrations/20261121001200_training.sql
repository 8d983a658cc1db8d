-- A project in pending_training whose metadata has a training becomes a job by itself.

-- Why a training cannot become a job, for its owner; null where it can.
create function corral.find_training_fault(p_training jsonb) returns text
language plpgsql immutable set search_path = ''
as $$
declare
  v_limits jsonb := '{"chunks": [1, 9999999], "rows_per_chunk": [1, 1000000000000], "max_attempts": [1, 100],
                      "task_timeout_seconds": [1, 604800], "priority": [-100, 100]}';
  v_tags jsonb := p_training -> 'tags';
  v_field text;
  v_low bigint;
  v_high bigint;
begin
  if jsonb_typeof(p_training) is distinct from 'object' then
    return 'metadata.training is no JSON object.';
  elsif jsonb_typeof(p_training -> 'code_url') is distinct from 'string' or p_training ->> 'code_url' = '' then
    return 'metadata.training.code_url is missing: it says where the agents find the code.';
  elsif coalesce(p_training ->> 'aggregate', 'none') not in ('none', 'concat', 'fedavg', 'auto') then
    return 'metadata.training.aggregate is none of none, concat, fedavg, auto.';
  end if;
  foreach v_field in array array['title', 'requirements_url', 'data_file', 'swarm', 'gpu_model'] loop
    if coalesce(jsonb_typeof(p_training -> v_field), 'null') not in ('string', 'null') then
      return format('metadata.training.%s is no text.', v_field);
    end if;
  end loop;
  for v_field, v_low, v_high in
    select key, (value ->> 0)::bigint, (value ->> 1)::bigint from jsonb_each(v_limits)
  loop
    continue when coalesce(jsonb_typeof(p_training -> v_field), 'null') = 'null';
    if jsonb_typeof(p_training -> v_field) <> 'number'
      or p_training ->> v_field !~ '^-?\d+$'
      or (p_training ->> v_field)::numeric not between v_low and v_high then
      return format('metadata.training.%s is no whole number from %s to %s.', v_field, v_low, v_high);
    end if;
  end loop;
  if coalesce(jsonb_typeof(p_training -> 'ram_gb'), 'null') not in ('number', 'null') then
    return 'metadata.training.ram_gb is no number.';
  elsif coalesce(jsonb_typeof(v_tags), 'null') not in ('array', 'null')
     or exists (select from jsonb_array_elements(case jsonb_typeof(v_tags) when 'array' then v_tags else '[]' end) tag
                 where jsonb_typeof(tag) <> 'string') then
    return 'metadata.training.tags is no list of texts.';
  end if;
  return null;
end
$$;

-- Makes the job that a project's training asks for, unless one is under way; a training that makes no sense fails the
-- project and tells its owner why.
create function corral.train_project(p_project public.projects) returns void
language plpgsql set search_path = ''
as $$
declare
  v_training jsonb := p_project.metadata -> 'training';
  v_fault text := corral.find_training_fault(v_training);
  v_made record;
begin
  if exists (select from corral.jobs where project_id = p_project.id and finished_at is null) then
    return;
  end if;
  if v_fault is null and not (
       corral.may_read_object(v_training ->> 'code_url', p_project.user_id, p_project.user_id is null)
       and corral.may_read_object(v_training ->> 'requirements_url', p_project.user_id, p_project.user_id is null)) then
    v_fault := 'metadata.training names an object of the bucket that is not the project owner''s.';
  end if;
  if exists (
       select from corral.swarms
        where name = v_training ->> 'swarm' and owner_id is not null and owner_id is distinct from p_project.user_id) then
    v_fault := coalesce(v_fault, 'metadata.training.swarm is no swarm.');
  end if;
  if v_fault is null then
    select * into v_made from public.create_job(
      jsonb_build_object('title', p_project.name) || jsonb_strip_nulls(v_training)
        - 'draft' - 'data_url' - 'idempotency_key'
        || jsonb_build_object('project_id', p_project.id, 'user_id', p_project.user_id), null, true);
    v_fault := case v_made.outcome
      when 'created' then null
      when 'dataset_missing' then 'it has no dataset.'
      when 'swarm_not_found' then 'metadata.training.swarm is no swarm.'
      else v_made.outcome::text
    end;
  end if;
  if v_fault is not null then
    update public.projects set status = 'failed' where id = p_project.id;
    insert into public.agent_logs (project_id, agent_name, message, log_level)
    values (p_project.id, 'compute', 'The training cannot start: ' || v_fault, 'error');
    perform corral.write_message(p_project.id, 'Your project''s training cannot start: ' || v_fault);
    return;
  end if;
  -- A project that nobody owns was made without a token, and those without one may see its job.
  update corral.jobs set is_open = owner_id is null where id = v_made.job_id;
end
$$;

-- Starts a project's training when it enters pending_training, or gets its training while it is there.
create function corral.follow_training() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
  perform corral.train_project(new);
  return null;
end
$$;
create trigger projects_train_new after insert on public.projects
  for each row when (new.status = 'pending_training' and new.metadata ? 'training')
  execute function corral.follow_training();
create trigger projects_train after update of status, metadata on public.projects
  for each row when (
    new.status = 'pending_training' and new.metadata ? 'training'
    and (old.status <> 'pending_training' or old.metadata -> 'training' is distinct from new.metadata -> 'training'))
  execute function corral.follow_training();

revoke execute on function corral.find_training_fault, corral.train_project, corral.follow_training from public;
