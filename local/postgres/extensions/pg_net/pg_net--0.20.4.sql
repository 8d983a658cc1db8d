-- The same tables, functions and rights as pg_net 0.20.4; the background worker is played from outside and listens
-- on the channel pg_net_wake.
create schema net;

create domain net.http_method as text check (lower(value) in ('get', 'post', 'delete'));

create unlogged table net.http_request_queue (
  id bigserial,
  method net.http_method not null,
  url text not null,
  headers jsonb,
  body bytea,
  timeout_milliseconds int not null
);

create unlogged table net._http_response (
  id bigint,
  status_code integer,
  content_type text,
  headers jsonb,
  content text,
  timed_out bool,
  error_msg text,
  created timestamptz not null default now()
);
create index _http_response_created_idx on net._http_response (created);

-- Wakes the worker when the transaction commits, once however often it is called; never when it rolls back.
create function net.wake() returns void
language sql
as $$ select pg_catalog.pg_notify('pg_net_wake', '') $$;

-- Raises unless the worker runs.
create function net.check_worker_is_up() returns void
language plpgsql
as $$
begin
  if not exists (
    select from pg_catalog.pg_stat_activity
     where datname = pg_catalog.current_database() and application_name like 'pg_net %'
  ) then
    raise exception using
      message = 'the pg_net background worker is not up',
      detail = 'the pg_net background worker is down due to an internal error and cannot process requests',
      hint = 'make sure that you didn''t modify any of pg_net internal tables';
  end if;
end
$$;

-- Has the worker read its settings again; true when it has been told.
create function net.worker_restart() returns bool
language sql
as $$ select net.wake(); select true $$;

-- Returns once the worker runs.
create function net.wait_until_running() returns void
language plpgsql
as $$
begin
  loop
    begin
      perform pg_catalog.pg_stat_clear_snapshot(), net.check_worker_is_up();
      return;
    exception when raise_exception then
      perform pg_catalog.pg_sleep(0.05);
    end;
  end loop;
end
$$;

-- Percent-encodes all but the unreserved characters of RFC 3986.
create function net._urlencode_string(string varchar) returns text
language sql immutable
as $$
  select coalesce(pg_catalog.string_agg(
    case
      when byte between 48 and 57 or byte between 65 and 90 or byte between 97 and 122 or byte in (45, 46, 95, 126)
        then pg_catalog.chr(byte)
      else '%' || pg_catalog.upper(pg_catalog.lpad(pg_catalog.to_hex(byte), 2, '0'))
    end, '' order by place), '')
    from (
      select place, pg_catalog.get_byte(bytes, place) as byte
        from (select pg_catalog.convert_to(string, 'utf8') as bytes) encoded,
             pg_catalog.generate_series(0, pg_catalog.length(bytes) - 1) place
    ) octets
$$;

-- Adds encoded `key=value` pairs to a URL's query.
create function net._encode_url_with_params_array(url text, params_array text[]) returns text
language sql immutable
as $$
  select case
    when pg_catalog.cardinality(params_array) = 0 then url
    else url || case when pg_catalog.strpos(url, '?') = 0 then '?' else '&' end
      || pg_catalog.array_to_string(params_array, '&')
  end
$$;

-- A URL with `params` in its query.
create function net._url_with_params(url text, params jsonb) returns text
language sql immutable
as $$
  select net._encode_url_with_params_array(
    url,
    coalesce(pg_catalog.array_agg(net._urlencode_string(key) || '=' || net._urlencode_string(value)), '{}'))
    from pg_catalog.jsonb_each_text(params)
$$;

-- Queues a GET, sent after the transaction commits; returns the id that the response will have.
create function net.http_get(
  url text, params jsonb default '{}', headers jsonb default '{}', timeout_milliseconds int default 5000
) returns bigint
language plpgsql
as $$
declare
  v_id bigint;
begin
  insert into net.http_request_queue (method, url, headers, timeout_milliseconds)
  values ('GET', net._url_with_params(url, params), headers, timeout_milliseconds)
  returning id into v_id;
  perform net.wake();
  return v_id;
end
$$;

-- Queues a POST of JSON, sent after the transaction commits; returns the id that the response will have.
create function net.http_post(
  url text, body jsonb default '{}', params jsonb default '{}',
  headers jsonb default '{"Content-Type": "application/json"}', timeout_milliseconds int default 5000
) returns bigint
language plpgsql
as $$
declare
  v_id bigint;
  v_content_type text;
begin
  select value into v_content_type
    from pg_catalog.jsonb_each_text(coalesce(headers, '{}')) header
   where pg_catalog.lower(header.key) = 'content-type'
   limit 1;
  if v_content_type is null then
    headers := headers || '{"Content-Type": "application/json"}';
  elsif v_content_type <> 'application/json' then
    raise exception 'Content-Type header must be "application/json"';
  end if;
  insert into net.http_request_queue (method, url, headers, body, timeout_milliseconds)
  values (
    'POST', net._url_with_params(url, params), headers, pg_catalog.convert_to(body::text, 'utf8'), timeout_milliseconds)
  returning id into v_id;
  perform net.wake();
  return v_id;
end
$$;

-- Queues a DELETE, sent after the transaction commits; returns the id that the response will have.
create function net.http_delete(
  url text, params jsonb default '{}', headers jsonb default '{}', timeout_milliseconds int default 5000,
  body jsonb default null
) returns bigint
language plpgsql
as $$
declare
  v_id bigint;
begin
  insert into net.http_request_queue (method, url, headers, body, timeout_milliseconds)
  values (
    'DELETE', net._url_with_params(url, params), headers, pg_catalog.convert_to(body::text, 'utf8'),
    timeout_milliseconds)
  returning id into v_id;
  perform net.wake();
  return v_id;
end
$$;

create type net.request_status as enum ('PENDING', 'SUCCESS', 'ERROR');
create type net.http_response as (status_code integer, headers jsonb, body text);
create type net.http_response_result as (status net.request_status, message text, response net.http_response);

-- Returns once the request has its response.
create function net._await_response(request_id bigint) returns bool
language plpgsql
as $$
begin
  while not exists (select from net._http_response where id = request_id) loop
    perform pg_catalog.pg_sleep(0.05);
  end loop;
  return true;
end
$$;

-- The response to a request; waits for it unless `async`.
create function net._http_collect_response(request_id bigint, async bool default true)
returns net.http_response_result
language plpgsql
as $$
declare
  v_response net._http_response;
begin
  if not async then
    perform net._await_response(request_id);
  end if;
  select * into v_response from net._http_response where id = request_id;
  if v_response.id is null or v_response.error_msg is not null then
    return ('ERROR', coalesce(v_response.error_msg, 'request matching request_id not found'), null);
  end if;
  return ('SUCCESS', 'ok', (v_response.status_code, v_response.headers, v_response.content)::net.http_response);
end
$$;

grant usage on schema net to public;
grant all on all sequences in schema net to public;
grant all on all tables in schema net to public;
