-- 在自己的 PostgreSQL（16 或更新）上执行一次 run once on a PostgreSQL (16 or newer) of your own:
--
--   export RECTIFY_APP_PASSWORD=… RECTIFY_MIGRATE_PASSWORD=…
--   psql --username=postgres --file=docs/dba.sql
--
-- 之后 afterwards:
--   DATABASE_URL=postgresql://rectify_app:…@host:5432/rectify
--   RECTIFY_MIGRATE_URL=postgresql://rectify_migrate:…@host:5432/rectify
--
-- rectify_owner   拥有全部对象，不能登录 owns every object and cannot log in
-- rectify_migrate 只用于迁移 only migrates, by SET ROLE rectify_owner
-- rectify_app     服务登录所用，不能修改表结构和历史 what the service logs in as: it can change neither schema nor history

\set ON_ERROR_STOP on
\getenv app_password RECTIFY_APP_PASSWORD
\getenv migrate_password RECTIFY_MIGRATE_PASSWORD
\if :{?app_password}
\else
  \warn 'RECTIFY_APP_PASSWORD is not set'
  DO $$ BEGIN RAISE EXCEPTION 'RECTIFY_APP_PASSWORD is not set'; END $$;
\endif
\if :{?migrate_password}
\else
  \warn 'RECTIFY_MIGRATE_PASSWORD is not set'
  DO $$ BEGIN RAISE EXCEPTION 'RECTIFY_MIGRATE_PASSWORD is not set'; END $$;
\endif

SELECT format('CREATE ROLE %I %s', name, login)
  FROM (VALUES ('rectify_owner', 'NOLOGIN'), ('rectify_migrate', 'LOGIN'), ('rectify_app', 'LOGIN')) AS wanted (name, login)
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec

ALTER ROLE rectify_migrate PASSWORD :'migrate_password';
ALTER ROLE rectify_app PASSWORD :'app_password';
GRANT rectify_owner TO rectify_migrate WITH INHERIT FALSE, SET TRUE;

SELECT 'CREATE DATABASE rectify OWNER rectify_owner TEMPLATE template0 ENCODING ''UTF8'''
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'rectify')
\gexec

REVOKE ALL ON DATABASE rectify FROM PUBLIC;
GRANT CONNECT ON DATABASE rectify TO rectify_app, rectify_migrate;
